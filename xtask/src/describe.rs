//! The files by which build systems find an installed tong: pkg-config's and CMake's.
//!
//! Both work out the prefix from their own place, so that an installed tree may be moved.

use crate::library::{file_name, soname, SYSTEM_LIBRARIES, VERSION};

/// `tong.pc`: `cc prog.c $(pkg-config --cflags --libs tong)`.
pub(crate) fn pkg_config() -> String {
    let private: Vec<String> = private_libraries()
        .map(|name| format!("-l{name}"))
        .collect();
    format!(
        "prefix=${{pcfiledir}}/../..
libdir=${{prefix}}/lib
includedir=${{prefix}}/include/tong

Name: tong
Description: Windows inter-process communication for Linux: mailslots, files, handles
Version: {VERSION}
Cflags: -I${{includedir}}
Libs: -L${{libdir}} -ltong
Libs.private: {}
",
        private.join(" ")
    )
}

/// `tong-rpath.pc`: the same, and the program finds the library by itself where it lies now.
pub(crate) fn pkg_config_rpath() -> String {
    format!(
        "prefix=${{pcfiledir}}/../..
libdir=${{prefix}}/lib

Name: tong-rpath
Description: tong, with the library's directory written into the program
Version: {VERSION}
Requires: tong
Libs: -Wl,-rpath,${{libdir}}
"
    )
}

/// `tongConfig.cmake`: the targets `tong::tong` (shared) and `tong::static`.
pub(crate) fn cmake_config() -> String {
    let private: Vec<&str> = private_libraries().collect();
    format!(
        r#"get_filename_component(_tong_prefix "${{CMAKE_CURRENT_LIST_DIR}}/../../.." ABSOLUTE)

if(NOT TARGET tong::tong)
  add_library(tong::tong SHARED IMPORTED)
  set_target_properties(tong::tong PROPERTIES
    IMPORTED_LOCATION "${{_tong_prefix}}/lib/{file}"
    IMPORTED_SONAME "{soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${{_tong_prefix}}/include/tong")

  add_library(tong::static STATIC IMPORTED)
  set_target_properties(tong::static PROPERTIES
    IMPORTED_LOCATION "${{_tong_prefix}}/lib/libtong.a"
    INTERFACE_INCLUDE_DIRECTORIES "${{_tong_prefix}}/include/tong"
    INTERFACE_LINK_LIBRARIES "{libraries}")
endif()

unset(_tong_prefix)
"#,
        file = file_name(),
        soname = soname(),
        libraries = private.join(";"),
    )
}

/// `tongConfigVersion.cmake`. Before 1.0 only the same minor version is compatible.
pub(crate) fn cmake_version() -> String {
    format!(
        r#"set(PACKAGE_VERSION "{VERSION}")
set(PACKAGE_VERSION_COMPATIBLE FALSE)
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _tong_has "${{PACKAGE_VERSION}}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _tong_asked "${{PACKAGE_FIND_VERSION}}")
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(_tong_has STREQUAL _tong_asked AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
unset(_tong_has)
unset(_tong_asked)
"#
    )
}

/// Every C compiler links the C library itself.
fn private_libraries() -> impl Iterator<Item = &'static str> {
    SYSTEM_LIBRARIES.iter().copied().filter(|name| *name != "c")
}
