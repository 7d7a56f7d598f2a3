# Every example of the guide passes the conformance suite; those with an address get a free one.
bad=0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for so in "$top_builddir"/doc/examples/*.so; do
    case $so in
    */net_listen.so) set -- -grant="net.listen/1=127.0.0.1:$port" -config="listen=127.0.0.1:$port" ;;
    */net_connect.so) set -- -grant="net.connect/1=127.0.0.1:$port" -config="target=127.0.0.1:$port" ;;
    *) set -- ;;
    esac
    "$top_builddir/quoin-plugin" check "$so" "$@" || bad=1
done
exit $bad
