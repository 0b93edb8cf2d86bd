# Builds only the CPU variants of ggml that GGML_TABAGENT_CPU_VARIANTS lists, with ";" between names.
#
# llama-cpp-sys-2 always asks ggml for all variants. project(ggml) includes this file through
# CMAKE_PROJECT_ggml_INCLUDE, before ggml defines the function that adds a variant. ggml sets GGML_CPU_TAG_NAME for each
# variant just before it calls that function: at the first such moment the function is replaced by one that checks the
# list. CMake keeps the replaced function under its name with a leading underscore.

function(tabagent_check_variants variable access)
    get_property(checked GLOBAL PROPERTY TABAGENT_VARIANTS_CHECKED)
    if(checked OR NOT access STREQUAL "MODIFIED_ACCESS")
        return()
    endif()
    set_property(GLOBAL PROPERTY TABAGENT_VARIANTS_CHECKED TRUE)
    function(ggml_add_cpu_backend_variant_impl name)
        if(name IN_LIST GGML_TABAGENT_CPU_VARIANTS)
            _ggml_add_cpu_backend_variant_impl(${name})
        endif()
    endfunction()
endfunction()

variable_watch(GGML_CPU_TAG_NAME tabagent_check_variants)
