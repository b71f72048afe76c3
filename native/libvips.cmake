# Finds libvips in the npm packages that sharp brings (headers: @img/sharp-libvips-dev) and makes the target `libvips`.
# Sharp and the data path then decode with the same library, and it is loaded once.

file(GLOB vips_library ${PROJECT_SOURCE_DIR}/node_modules/@img/sharp-libvips-linux-*/lib/libvips-cpp.so.*)
list(FILTER vips_library EXCLUDE REGEX "linuxmusl")
set(vips_headers ${PROJECT_SOURCE_DIR}/node_modules/@img/sharp-libvips-dev/include)
if(NOT vips_library OR NOT EXISTS ${vips_headers}/vips/vips.h)
  message(FATAL_ERROR "expected libvips in node_modules/@img but got none; run `npm run setup`, which installs the npm packages")
endif()
list(GET vips_library 0 vips_library)
get_filename_component(vips_folder ${vips_library} DIRECTORY)

add_library(libvips INTERFACE)
target_include_directories(libvips SYSTEM INTERFACE
  ${vips_headers} ${vips_headers}/glib-2.0 ${vips_folder}/glib-2.0/include)
target_link_options(libvips INTERFACE -Wl,-rpath,${vips_folder})
target_link_libraries(libvips INTERFACE ${vips_library})
