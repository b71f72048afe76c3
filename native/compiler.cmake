# Compiler flags that all native code shares. One set for every target, so that one precompiled header serves them all.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11)
  message(FATAL_ERROR "expected g++ 11 or newer for C++20 but got ${CMAKE_CXX_COMPILER_VERSION}; name a newer one in the variable CXX")
endif()

# -O3 with the x86-64-v3 instruction set (AVX2, FMA: every server since 2013): the compiler then turns the plain loops of
# kernels/ and data/ into 256-bit code, which is worth two to four times on them. Set-up passes x86-64 where the CPU lacks AVX2.
add_compile_options(-Wall -Wextra -Wno-unused-parameter -fopenmp)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND GADOLINIUM_ARCH)
  add_compile_options(-march=${GADOLINIUM_ARCH})
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

if(GADOLINIUM_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=address,undefined)
elseif(GADOLINIUM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=thread)
elseif(GADOLINIUM_SANITIZE)
  message(FATAL_ERROR "expected address or thread for GADOLINIUM_SANITIZE but got ${GADOLINIUM_SANITIZE}")
endif()

# ccache, where present. -fpch-preprocess and the sloppiness are what it needs to cache files that use a precompiled header;
# the base folder makes two checkouts of the same commit share what they compiled.
find_program(GADOLINIUM_CCACHE ccache)
if(GADOLINIUM_CCACHE)
  add_compile_options(-fpch-preprocess)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${GADOLINIUM_CCACHE})
endif()
