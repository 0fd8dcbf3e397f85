# Reads one JSON document and prints each scalar as "path.to.key<TAB>value"; array elements are
# numbered from 0. Strings lose their quotes; escapes other than \" \\ \/ stay as written. Ends with
# status 1 when the text is not JSON as far as this program looks.

{ text = text $0 "\n" }

END {
  rest = text
  value("")
  skip()
  if (rest != "") fail("something follows the document")
  if (failed) exit 1
}

function fail(why) {
  if (!failed) print "json_flat: " why > "/dev/stderr"
  failed = 1
  rest = ""
}

function skip() { sub(/^[ \t\r\n]+/, "", rest) }

function string(    out) {
  if (!match(rest, /^"([^"\\]|\\.)*"/)) {
    fail("a string is expected")
    return ""
  }
  out = substr(rest, 2, RLENGTH - 2)
  rest = substr(rest, RLENGTH + 1)
  gsub(/\\"/, "\"", out)
  gsub(/\\\//, "/", out)
  gsub(/\\\\/, "\\", out)
  return out
}

function join(path, key) { return path == "" ? key : path "." key }

function value(path,    key, count, out) {
  skip()
  if (rest ~ /^\{/) {
    rest = substr(rest, 2)
    skip()
    if (rest ~ /^\}/) { rest = substr(rest, 2); return }
    while (!failed) {
      skip()
      key = string()
      skip()
      if (rest !~ /^:/) { fail("':' is expected after " key); return }
      rest = substr(rest, 2)
      value(join(path, key))
      skip()
      if (rest ~ /^,/) { rest = substr(rest, 2); continue }
      if (rest ~ /^\}/) { rest = substr(rest, 2); return }
      fail("',' or '}' is expected in " path)
    }
  } else if (rest ~ /^\[/) {
    rest = substr(rest, 2)
    skip()
    if (rest ~ /^\]/) { rest = substr(rest, 2); return }
    count = 0
    while (!failed) {
      value(join(path, count++))
      skip()
      if (rest ~ /^,/) { rest = substr(rest, 2); continue }
      if (rest ~ /^\]/) { rest = substr(rest, 2); return }
      fail("',' or ']' is expected in " path)
    }
  } else if (rest ~ /^"/) {
    out = string()
    if (!failed) printf "%s\t%s\n", path, out
  } else if (match(rest, /^(true|false|null|-?[0-9][0-9.eE+-]*)/)) {
    printf "%s\t%s\n", path, substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
  } else {
    fail("a value is expected for " path)
  }
}
