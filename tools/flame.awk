# perf script's samples to lines "kind<TAB>weight<TAB>outermost;...;innermost", equal stacks added up.
#
# kind: of the innermost frame: kernel (with the few instructions of the C library around a read or
# write, where the time of entering the kernel shows), hash (OpenSSL), copy (memcpy and its like),
# code (ISA-L), rest.
function name_of(line,   text) {
  text = line
  sub(/^[ \t]*[0-9a-f]+ /, "", text)
  sub(/ \([^()]*\)$/, "", text)
  sub(/\+0x[0-9a-f]+$/, "", text)
  gsub(/\(anonymous namespace\)::/, "", text)
  sub(/^fb::/, "", text)
  sub(/\(.*$/, "", text)
  gsub(/[;\t]/, ",", text)
  if (text == "[unknown]") text = "[" library_of(line) "]"
  return text
}
function library_of(line,   text) {
  text = line
  if (!match(text, /\([^()]*\)$/)) return ""
  text = substr(text, RSTART + 1, RLENGTH - 2)
  sub(/^.*\//, "", text)
  return text
}
function close_sample(   i, text) {
  if (depth == 0) return
  text = program
  for (i = depth; i >= 1; --i) text = text ";" frames[i]
  weights[kind "\t" text] += weight
  depth = 0
}
/^[^ \t]/ {
  close_sample()
  program = $1
  weight = $2 + 0
  next
}
/^[ \t]+[0-9a-f]+ / {
  library = library_of($0)
  frames[++depth] = name_of($0)
  if (depth == 1) kind = ""
  if (depth == 1 && frames[1] ~ /^_*mem(move|cpy|set|cmp)(_|$)/) kind = "copy"
  if (kind == "" && library != "inlined") {  # an inlined frame is of the same library as the next
    if (library ~ /kernel|vdso/) kind = "kernel"
    else if (frames[1] ~ /^_*(libc_)?p(read|write)64$|able_asynccancel$/) kind = "kernel"
    else if (library ~ /libcrypto/) kind = "hash"
    else if (library ~ /libisal/) kind = "code"
    else kind = "rest"
  }
  next
}
/^$/ { close_sample() }
END {
  close_sample()
  for (stack in weights) {
    split(stack, parts, "\t")
    printf "%s\t%d\t%s\n", parts[1], weights[stack], parts[2]
  }
}
