# Switches and flags of this project. CFLAGS belongs to the user; ours go into QN_CFLAGS.
AC_DEFUN([QN_SWITCH], [AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [], [enable_$1=no])])

AC_DEFUN([QN_SWITCHES], [
QN_SWITCH([werror], [treat warnings as errors])
QN_SWITCH([asan], [build with AddressSanitizer])
QN_SWITCH([ubsan], [build with UndefinedBehaviorSanitizer])
QN_SWITCH([tsan], [build with ThreadSanitizer])
QN_SWITCH([coverage], [build for gcov])
QN_SWITCH([fuzz], [build the fuzz targets with libFuzzer (needs clang)])
AC_ARG_ENABLE([plugins], [AS_HELP_STRING([--disable-plugins], [do not build the bundled plugins])], [], [enable_plugins=yes])
AM_CONDITIONAL([ENABLE_PLUGINS], [test "x$enable_plugins" = xyes])
AM_CONDITIONAL([ENABLE_FUZZ], [test "x$enable_fuzz" = xyes])
QN_WARN_CFLAGS="-std=c11 -fvisibility=hidden -fno-strict-overflow -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wcast-qual -Wwrite-strings -Wconversion -Wvla -Walloca -fstack-protector-strong"
QN_LDFLAGS="-Wl,-z,relro,-z,now"
AS_IF([test "x$enable_werror" = xyes], [QN_WARN_CFLAGS="$QN_WARN_CFLAGS -Werror"])
QN_CFLAGS="$QN_WARN_CFLAGS"
AS_IF([test "x$enable_asan" = xyes], [QN_CFLAGS="$QN_CFLAGS -fsanitize=address -fno-omit-frame-pointer"; QN_LDFLAGS="$QN_LDFLAGS -fsanitize=address"])
AS_IF([test "x$enable_ubsan" = xyes], [QN_CFLAGS="$QN_CFLAGS -fsanitize=undefined -fno-sanitize-recover=undefined"; QN_LDFLAGS="$QN_LDFLAGS -fsanitize=undefined"])
AS_IF([test "x$enable_tsan" = xyes], [QN_CFLAGS="$QN_CFLAGS -fsanitize=thread"; QN_LDFLAGS="$QN_LDFLAGS -fsanitize=thread"])
AS_IF([test "x$enable_coverage" = xyes], [QN_CFLAGS="$QN_CFLAGS --coverage -O0"; QN_LDFLAGS="$QN_LDFLAGS --coverage"])
QN_FUZZ_CPPFLAGS=""
QN_FUZZ_LDFLAGS=""
AS_IF([test "x$enable_fuzz" = xyes], [
  AC_CHECK_DECL([__clang__], [], [AC_MSG_ERROR([--enable-fuzz needs clang: configure with CC=clang])], [/**/])
  QN_CFLAGS="$QN_CFLAGS -fsanitize=fuzzer-no-link"
  QN_FUZZ_CPPFLAGS=-DQC_LIBFUZZER
  QN_FUZZ_LDFLAGS=-fsanitize=fuzzer])
# clang leaves the run time of its sanitizers to the program: a module that has all else is checked
# by gcc's builds.
QN_DEFS="-Wl,-z,defs"
AC_CHECK_DECL([__clang__], [AS_CASE([$QN_CFLAGS], [*-fsanitize=*], [QN_DEFS=])], [], [/**/])
AC_SUBST([QN_DEFS])
AC_SUBST([QN_FUZZ_CPPFLAGS])
AC_SUBST([QN_FUZZ_LDFLAGS])
AC_SUBST([QN_WARN_CFLAGS])
AC_SUBST([QN_CFLAGS])
AC_SUBST([QN_LDFLAGS])
])

AC_DEFUN([QN_SUMMARY], [
AS_ECHO([""])
AS_ECHO(["quoin $PACKAGE_VERSION"])
AS_ECHO(["  compiler      $CC $CFLAGS"])
AS_ECHO(["  sanitizers    asan=$enable_asan ubsan=$enable_ubsan tsan=$enable_tsan"])
AS_ECHO(["  plugins       $enable_plugins"])
AS_ECHO(["  upnp          $have_miniupnpc"])
AS_ECHO(["  fuzz          $enable_fuzz"])
])
