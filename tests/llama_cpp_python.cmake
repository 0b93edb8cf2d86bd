# llama-cpp-python builds llama.cpp's library `common` for its server, which nothing here uses: 4 of 6 minutes.
#
# project(llama_cpp) includes this file through CMAKE_PROJECT_llama_cpp_INCLUDE. A variable hides the cache entry that
# the project sets by force.
set(LLAMA_BUILD_COMMON OFF)
