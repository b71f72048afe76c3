# Finds libtorch and makes the target `libtorch`. Linked by hand: find_package(Torch) is a hard error for the CUDA wheel
# without a full CUDA toolkit. Found in this order: GADOLINIUM_LIBTORCH given to CMake, the variable of that name in the
# environment, the cache. Set-up looks in more places and always passes the option.

set(libtorch ${GADOLINIUM_LIBTORCH})
if(NOT libtorch AND DEFINED ENV{GADOLINIUM_LIBTORCH})
  set(libtorch $ENV{GADOLINIUM_LIBTORCH})
endif()
if(NOT libtorch)
  if(GADOLINIUM_CUDA)
    file(GLOB cached $ENV{HOME}/.cache/gadolinium/libtorch-*-cu*/torch)
  else()
    file(GLOB cached $ENV{HOME}/.cache/gadolinium/libtorch-*-cpu/torch)
  endif()
  if(cached)
    list(GET cached -1 libtorch)
  endif()
endif()
if(EXISTS ${libtorch}/torch/include/ATen/ATen.h)
  set(libtorch ${libtorch}/torch)
endif()
if(NOT EXISTS ${libtorch}/include/ATen/ATen.h OR NOT EXISTS ${libtorch}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "expected include/ and lib/ of libtorch for GADOLINIUM_LIBTORCH but got '${libtorch}'; run `npm run setup`, which fetches libtorch")
endif()

set(version_header ${libtorch}/include/torch/headeronly/version.h)
if(NOT EXISTS ${version_header})
  set(version_header ${libtorch}/include/torch/csrc/api/include/torch/version.h)
endif()
file(STRINGS ${version_header} version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9]+([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" libtorch_version "${version_lines}")
if(libtorch_version VERSION_LESS 2.11 OR libtorch_version VERSION_GREATER_EQUAL 2.15)
  message(FATAL_ERROR "expected libtorch 2.11 to 2.14 but got ${libtorch_version} in ${libtorch}")
endif()
message(STATUS "libtorch ${libtorch_version} in ${libtorch}")

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE ${libtorch}/include ${libtorch}/include/torch/csrc/api/include)
# USE_DISTRIBUTED and the two backends are what the wheels are built with; the c10d headers hide their classes without them.
target_compile_definitions(libtorch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
target_link_directories(libtorch INTERFACE ${libtorch}/lib)
# --no-as-needed: the libraries register operators when loaded, also where no symbol of theirs is named.
target_link_options(libtorch INTERFACE -Wl,--no-as-needed -Wl,-rpath,${libtorch}/lib)
target_link_libraries(libtorch INTERFACE torch torch_cpu c10)

# OpenMP: libtorch's own runtime, so that at::parallel_for in our code and in libtorch share one team of threads.
file(GLOB gomp ${libtorch}/lib/libgomp*.so*)
if(gomp)
  list(GET gomp 0 gomp)
  target_link_libraries(libtorch INTERFACE ${gomp})
else()
  target_link_libraries(libtorch INTERFACE gomp)
endif()
