#!/usr/bin/env bash
# The core is pure computation: what its archives ask of the world outside them is memory moves, and the C++ runtime.
# Every C function that is not on the list below is an offence, so that no host socket, clock, file, thread or heap call
# can come in unseen; of the C++ library, the parts that would call them on our behalf are offences too.
# The stack may not even ask for memory by `operator new`, or in a std::string: it has its memory_resource for that.
#
#   undefined_symbols.sh stack|fallback ARCHIVE  prints every offending symbol; fails when there is one
#   undefined_symbols.sh --self-check            shows that the check can fail
set -euo pipefail
export LC_ALL=C

# C functions that compute and nothing else, and what a compiler (its arithmetic, as in __popcountdi2; its look at the
# processor, for functions made in several versions) or a sanitizer puts in by itself.
pure_c='^(mem(cpy|move|set|cmp|chr)|bcmp|str(len|cmp|ncmp)|abort|__assert_fail|__stack_chk_fail|__dso_handle|__(start|stop)_.*|__cpu_(model|indicator_init)|_GLOBAL_OFFSET_TABLE_|__[a-z]+[sdt]i[23]|_Unwind_Resume|__cxa_.*|__gxx_personality_v0|__dynamic_cast|__(asan|ubsan|tsan|gcov|llvm)_.*|__gcov.*)$'
# The registry may be changed by other threads, so the fallback manager may lock, and share (libstdc++'s shared_ptr
# looks at __libc_single_threaded, to spare atomic operations where there is one thread).
locks='^(__libc_single_threaded|pthread_(mutex|cond)_.*|pthread_(self|equal)|__pthread_key_create|_ZNSt18condition_variable.*|_ZSt20__throw_system_errori)$'
# C++: clocks, threads, waiting, random numbers, streams, files, locales.
impure_cpp='^_Z.*(6chrono3_V2|St6thread|11this_thread|18condition_variable|20__atomic_futex|13random_device|10filesystem|8ios_base|9basic_ios|13basic_istream|13basic_ostream|13basic_filebuf|15basic_streambuf|6locale|St3cin|St4cout|St4cerr|St4clog)'
heap='^_Zn[wa]|7__cxx1112basic_string'

offences() { # LAYER, with names of undefined symbols on standard input
  awk -v layer="$1" -v pure_c="$pure_c" -v locks="$locks" -v impure_cpp="$impure_cpp" -v heap="$heap" '
      layer == "fallback" && $1 ~ locks { next }
      layer == "stack" && $1 ~ heap { print $1; next }
      $1 ~ /^_Z/ { if ($1 ~ impure_cpp) print $1; next }
      $1 !~ pure_c { print $1 }
    ' | sort -u
}

undefined() { # ARCHIVE: the names that some member needs and none defines
  nm -P "$1" | awk '
    $2 == "U" || $2 == "w" || $2 == "v" { needed[$1]; next }
    NF >= 2 { defined[$1] }
    END { for (name in needed) if (!(name in defined)) print name }'
}

check() { # LAYER, names on standard input
  local found
  found=$(offences "$1")
  [ -z "$found" ] && return
  echo "The $1 archive needs what it may not use:"
  sed 's/^/  /' <<<"$found" | c++filt
  return 1
}

# called RESULT LAYER SYMBOL: is this symbol called good or bad as expected?
called() {
  local result=good
  check "$2" <<<"$3" >/dev/null || result=bad
  [ "$result" = "$1" ] || { echo "self-check: $3 is called $result in $2"; return 1; }
}

self_check() {
  local layer symbol
  for layer in stack fallback; do
    for symbol in socket connect bind listen accept send sendto sendmsg recv recvfrom recvmsg read write readv writev \
      open openat close ioctl fcntl epoll_create1 epoll_ctl epoll_wait poll ppoll select eventfd timerfd_create \
      clock_gettime gettimeofday time nanosleep usleep getrandom rand random syscall pthread_create fork execve system \
      fopen fread fwrite printf puts fprintf __printf_chk getenv malloc calloc realloc free aligned_alloc mmap setsockopt \
      getaddrinfo _ZSt4cout _ZNSt6chrono3_V212steady_clock3nowEv _ZNSt6thread4joinEv \
      _ZNSt13random_device9_M_getvalEv _ZNSt8ios_base4InitC1Ev; do
      called bad "$layer" "$symbol"
    done
    for symbol in memcpy memmove strlen abort __cpu_model __cpu_indicator_init __popcountdi2 __udivti3 __cxa_pure_virtual __asan_report_load4 _ZSt20__throw_length_errorPKc \
      _ZNSt3pmr20get_default_resourceEv _ZdlPvm _ZN8backstop5StackD1Ev; do
      called good "$layer" "$symbol"
    done
  done
  for symbol in _Znwm _ZnwmSt11align_val_t _Znam pthread_mutex_lock \
    _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createERmm; do
    called bad stack "$symbol"
    called good fallback "$symbol"
  done
  called bad fallback pthread_create
}

case "${1:-}" in
  --self-check) self_check ;;
  stack | fallback)
    [ -r "${2:-}" ] || { echo "$0: cannot read the archive '${2:-}'" >&2; exit 2; }
    undefined "$2" | check "$1"
    ;;
  *) echo "usage: $0 stack|fallback ARCHIVE | --self-check" >&2; exit 2 ;;
esac
