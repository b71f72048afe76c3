# CUDA: nvcc for native/**/*.cu, libtorch's CUDA libraries for all. Works on a machine without a card. CMake's own CUDA
# language is not used: it wants a whole toolkit, while the compiler and the libraries come as wheels beside libtorch.

get_filename_component(site_packages ${libtorch} DIRECTORY)
if(NOT EXISTS ${libtorch}/lib/libtorch_cuda.so)
  message(FATAL_ERROR "expected a CUDA build of libtorch for GADOLINIUM_CUDA but got the CPU build in ${libtorch}; run `npm run build:cuda`, which fetches the other one")
endif()
file(GLOB nvidia_includes ${site_packages}/nvidia/*/include)
file(GLOB nvidia_libraries ${site_packages}/nvidia/*/lib)
find_program(GADOLINIUM_NVCC nvcc
  HINTS ${site_packages}/nvidia/cu13/bin ${site_packages}/nvidia/cuda_nvcc/bin $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
if(NOT GADOLINIUM_NVCC)
  message(FATAL_ERROR "expected nvcc beside libtorch, in CUDA_HOME or on PATH but found none; pip install nvidia-cuda-nvcc, nvidia-cuda-crt, nvidia-nvvm and nvidia-cuda-cccl beside torch, or name the toolkit in CUDA_HOME")
endif()
get_filename_component(toolkit ${GADOLINIUM_NVCC} REALPATH)
get_filename_component(toolkit ${toolkit} DIRECTORY)
get_filename_component(toolkit ${toolkit} DIRECTORY)
file(GLOB cudart ${site_packages}/nvidia/cu13/lib/libcudart.so.* ${site_packages}/nvidia/cuda_runtime/lib/libcudart.so.*
  ${toolkit}/lib64/libcudart.so ${toolkit}/lib/libcudart.so)
if(NOT cudart)
  message(FATAL_ERROR "expected libcudart beside libtorch or in ${toolkit} but found none; pip install nvidia-cuda-runtime beside torch")
endif()
list(GET cudart 0 cudart)
message(STATUS "CUDA: ${GADOLINIUM_NVCC}, ${cudart}")

target_compile_definitions(libtorch INTERFACE GADOLINIUM_CUDA USE_C10D_NCCL)
target_include_directories(libtorch SYSTEM INTERFACE ${nvidia_includes} ${toolkit}/include)
target_link_libraries(libtorch INTERFACE torch_cuda c10_cuda ${cudart})
foreach(folder ${nvidia_libraries})
  # DT_RUNPATH is not inherited: what the addon names itself must be found from the addon.
  target_link_options(libtorch INTERFACE -Wl,-rpath,${folder})
endforeach()
# The driver's libcuda.so.1 is needed by some of the libraries and is not there on a machine without a card.
target_link_options(libtorch INTERFACE -Wl,--allow-shlib-undefined)

# sm_90a for what only Hopper has (wgmma, TMA); sm_80 for Ampere and Ada; PTX of sm_80 for all that came later.
set(GADOLINIUM_GENCODE
  -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_80,code=compute_80)

# Compiles .cu files and gives the objects in `out`.
function(compile_cuda_kernels out)
  set(compiled "")
  foreach(source ${ARGN})
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
    set(object ${PROJECT_BINARY_DIR}/cuda/${name}.o)
    get_filename_component(object_folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${object_folder})
    add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM
      COMMENT "Building CUDA object ${name}.o"
      COMMAND ${GADOLINIUM_NVCC} -c ${source} -o ${object} -MD -MF ${object}.d -MT ${object}
        -std=c++17 -O3 --expt-relaxed-constexpr -ccbin ${CMAKE_CXX_COMPILER} -DGADOLINIUM_CUDA
        -Xcompiler=-fPIC,-fvisibility=hidden ${GADOLINIUM_GENCODE} -I${PROJECT_SOURCE_DIR}/native -I${toolkit}/include)
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    list(APPEND compiled ${object})
  endforeach()
  set(${out} ${compiled} PARENT_SCOPE)
endfunction()
