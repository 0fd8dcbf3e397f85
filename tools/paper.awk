# The rows of tools/paper's table: one for each JSON of fbload on the command line, whose name is
# experiment-client-kbit-KiB-x.json and beside which lies its command.
#
# fbload writes a key a line, two blanks for each level, and one line for each sample.

function columns() {
  return "experiment,client,line_kbit,file_kib,x,seed,arrived,completed,incomplete,mean_s," \
    "mean_error_s,p50_s,p95_s,p99_s,max_s,limit_s,ratio_to_limit,pool_mean,pool_max," \
    "pool_slope_per_s,stabilised_at_s,stable,received_bytes,new_bytes,duplicate_bytes," \
    "other_bytes,upload_download_mean,seeder_bytes,virtual_s,events,violations,command"
}

function known(key) { return key in value && value[key] != "null" ? value[key] : "" }

# Of "name": NUMBER within a line that holds a whole object.
function number_in(line, name,   at) {
  at = index(line, "\"" name "\":")
  return at == 0 ? "" : substr(line, at + length(name) + 3) + 0
}

function start(file,   name, parts, dot) {
  name = file
  sub(/.*\//, "", name)
  sub(/\.json$/, "", name)
  split(name, parts, "-")
  experiment = parts[1]; client = parts[2]; kbit = parts[3]; kib = parts[4]; x = parts[5]
  command = ""
  sub(/\.json$/, ".command", file)
  getline command < file
  close(file)
  sub(/^.*fbload sim/, "fbload sim", command)
  delete value
  block = ""
  samples = 0
}

# By least squares over the second half of the arrivals: how many visitors more are under way each
# second.
function pool_slope(   i, from, n, sx, sy, sxx, sxy, until) {
  until = known("scenario.stop.duration_s") + 0
  from = until / 2
  for (i = 1; i <= samples; ++i) {
    if (at_s[i] < from || at_s[i] > until) continue
    ++n
    sx += at_s[i]; sy += pool[i]; sxx += at_s[i] * at_s[i]; sxy += at_s[i] * pool[i]
  }
  return n < 2 ? 0 : (n * sxy - sx * sy) / (n * sxx - sx * sx)
}

function finish(   slope, stable, stabilised) {
  slope = ""
  stabilised = ""
  stable = known("incomplete") == 0 ? 1 : 0
  if (experiment == "pool") {
    slope = pool_slope()
    # More than one in ten of those who come stay on top of the pool: it grows.
    if (slope > x / 10) stable = 0
    # Once nobody comes any more, the paper's rule says nothing.
    stabilised = known("pool.stabilised_at_s")
    if (stabilised + 0 > known("scenario.stop.duration_s") + 0) stabilised = ""
    slope = sprintf("%.4f", slope)
  }
  print experiment "," client "," kbit "," kib "," x "," known("seed") "," known("arrived") "," \
    known("completed") "," known("incomplete") "," known("completion_seconds.mean") "," \
    known("completion_seconds.mean_error") "," known("completion_seconds.p50") "," \
    known("completion_seconds.p95") "," known("completion_seconds.p99") "," \
    known("completion_seconds.max") "," known("limit_seconds") "," known("ratio_to_limit") "," \
    known("pool.mean") "," known("pool.max") "," slope "," stabilised "," stable "," \
    known("received_bytes_mean") "," known("received_split_mean.new_chunks") "," \
    known("received_split_mean.duplicate_chunks") "," known("received_split_mean.other") "," \
    known("upload_download_ratio.mean") "," known("seeder_bytes") "," known("seconds") "," \
    known("events") "," known("checks.violations") "," command
}

BEGIN { print columns() }

FNR == 1 {
  if (NR > 1) finish()
  start(FILENAME)
}

/"pool":/ && /"at_s":/ {
  ++samples
  at_s[samples] = number_in($0, "at_s")
  pool[samples] = number_in($0, "pool")
  next
}

# A key of the first level, of the second, or of the third; deeper ones are not needed.
/^(  |    |      )"[a-z_0-9]+": / {
  match($0, /^ +/)
  depth = RLENGTH / 2
  key = $0
  sub(/^ +"/, "", key)
  text = key
  sub(/".*/, "", key)
  sub(/^[^:]*: /, "", text)
  sub(/,$/, "", text)
  level[depth] = key
  path = level[1]
  for (i = 2; i <= depth; ++i) path = path "." level[i]
  if (text !~ /^[\[{]/) value[path] = text
}

END { if (NR > 0) finish() }
