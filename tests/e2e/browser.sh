#!/usr/bin/env bash
# A real browser shows the site's front page through the gateway: HTML with relative CSS, images, a
# script, a frame, and a link to another page, with no failed request.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

needs_browser

mkdir -p site/{css,img,js,pages,data}
# One pixel.
printf '%s%s' iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E \
  rkJggg== | base64 -d >site/img/dot.png
cat >site/img/shape.svg <<'END'
<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><rect width="120" height="80" fill="#c33"/><circle cx="60" cy="40" r="30" fill="#fc3"/></svg>
END
cp site/img/shape.svg 'site/img/größe & 1.svg'
cat >site/css/base.css <<'END'
@import "more.css";
body { background: rgb(10, 90, 160); color: white; font: 20px sans-serif }
#banner { background-image: url("../img/shape.svg"); width: 200px; height: 100px }
END
printf '#imported { color: rgb(1, 2, 3) }' >site/css/more.css
head -c 300000 /dev/urandom | base64 -w 76 >site/data/text.txt
cat >site/pages/frame.html <<'END'
<!doctype html><meta charset="utf-8"><title>frame</title>
<img src="../img/shape.svg" alt=""><p id="inside">inside the frame</p>
END
cat >site/pages/other.html <<'END'
<!doctype html><meta charset="utf-8"><title>other page</title>
<link rel="icon" href="../img/dot.png"><link rel="stylesheet" href="../css/base.css">
<p id="arrived">You followed the link.</p>
END
cat >site/index.html <<'END'
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Flash crowd</title>
<link rel="icon" href="img/dot.png"><link rel="stylesheet" href="css/base.css">
<script>
  window.failed = [];
  addEventListener('error', e => failed.push(e.target.src || e.target.href || e.message), true);
</script></head><body>
<h1>Flash crowd</h1><div id="banner"></div><p id="imported">imported</p>
<img src="img/dot.png" alt=""><img src="img/shape.svg" alt="">
<img src="img/gr%C3%B6%C3%9Fe%20%26%201.svg" alt="">
<iframe src="pages/frame.html"></iframe>
<a id="link" href="pages/other.html">another page</a>
<script src="js/proof.js"></script></body></html>
END
cat >site/js/proof.js <<'END'
addEventListener('load', async () => {
  const proof = {};
  proof.images = [...document.images].every(i => i.complete && i.naturalWidth > 0)
    ? document.images.length : 'broken';
  proof.style = getComputedStyle(document.body).backgroundColor;
  proof.imported = getComputedStyle(document.getElementById('imported')).color;
  proof.frame = document.querySelector('iframe').contentDocument.getElementById('inside').textContent;
  proof.frame_images = [...document.querySelector('iframe').contentDocument.images]
    .every(i => i.naturalWidth > 0);
  try {
    const text = await (await fetch('data/text.txt')).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
    proof.text = [...hash].map(b => b.toString(16).padStart(2, '0')).join('');
    proof.other = (await (await fetch(document.getElementById('link').href)).text())
      .includes('You followed the link');
    const part = await fetch('data/text.txt', { headers: { Range: 'bytes=100-199' } });
    proof.range = part.status + ' ' + (await part.arrayBuffer()).byteLength;
  } catch (error) { failed.push(String(error)); }
  proof.bad = performance.getEntriesByType('resource')
    .filter(e => e.responseStatus >= 400).map(e => e.name).join(' ');
  proof.failed = failed.join(' ');
  for (const [name, value] of Object.entries(proof)) {
    const line = document.createElement('p');
    line.textContent = `proof ${name}=${value};`;
    document.body.append(line);
  }
  const end = document.createElement('p');
  end.textContent = 'proof end;';
  document.body.append(end);
});
END

seed seed site --uplink 8Mbit
start gateway fbpeer gateway "${link[seed]}" --listen 127.0.0.1:0
wait_until 30 'the address of the gateway' line_or_end gateway
url=$(head -n 1 gateway.out)

visits=()
visit() {  # NAME ARGUMENT...
  browse "$@" --log-net-log="$scratch/$1.netlog" || fail "$browser failed on the visit $1"
  visits+=("$1")
}
visit front --dump-dom "$url"
grep -q 'proof end;' front.out || fail 'the script of the page did not come to its end'
proof() { sed -nE "s/.*proof $1=([^;]*);.*/\1/p" front.out; }
expect() {  # NAME WANTED
  [[ $(proof "$1") == "$2" ]] || fail "$1 is '$(proof "$1")', not '$2'"
}
expect images 3
expect frame_images true
ok 'all images have pixels, those of the frame too'
expect style 'rgb(10, 90, 160)'
expect imported 'rgb(1, 2, 3)'
ok 'the style sheet and the one that it imports are applied'
expect frame 'inside the frame'
expect text "$(sha256sum <site/data/text.txt | cut -d ' ' -f 1)"
expect range '206 100'
expect other true
ok 'the frame, fetch() of 400 kB of text, a range and the other page'
expect bad ''
expect failed ''
ok 'the page saw no failed request'

visit other --dump-dom "${url}pages/other.html"
grep -q 'You followed the link' other.out || fail 'the other page did not come'
ok 'the linked page is shown'

visit picture --screenshot="$scratch/front.png" "$url"
[[ $(head -c 8 front.png | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || fail 'no picture'
(($(stat -c %s front.png) > 3000)) || fail 'the picture is blank'
if [[ -n $artifacts ]] && mkdir -p -- "$artifacts/$test_name"; then
  cp -- front.png "$artifacts/$test_name/"
  note "screenshot: $artifacts/$test_name/front.png"
fi
ok 'a screenshot was taken'

# What the browser's own network log says: one event a line. FAILED is the event of a request that
# failed; its number is told at the front. (Other events have errors in the normal course, such as
# a cache that holds nothing yet.)
for name in "${visits[@]}"; do
  grep -qF -- "\"url\":\"$url" "$name.netlog" || fail "$name.netlog has no request to the gateway"
  failed=$(grep -oE '"logEventTypes":\{[^}]*\}' "$name.netlog" | grep -oE '"FAILED":[0-9]+' |
    cut -d : -f 2) || fail "$name.netlog does not tell the number of FAILED"
  awk -v url="\"url\":\"$url" -v failed="\"type\":$failed}" '
    !match($0, /"source":\{"id":[0-9]+/) { next }
    { id = substr($0, RSTART + 15, RLENGTH - 15) }
    index($0, url) { ours[id] = $0 }
    (id in ours) && (/"HTTP\/1\.1 [45][0-9][0-9]/ || $0 ~ failed "[],}]*$") { bad[id] = $0 }
    END { for (id in bad) { print ours[id]; print bad[id]; found = 1 } exit found }' \
    "$name.netlog" >"$name.bad" || { cut -c 1-300 "$name.bad" >&2; fail "a request failed: $name"; }
done
for resource in '' css/base.css css/more.css img/dot.png img/shape.svg js/proof.js \
  pages/frame.html data/text.txt img/gr%C3%B6%C3%9Fe%20%26%201.svg; do
  grep -qF -- "\"url\":\"$url$resource\"" front.netlog || fail "$resource was never asked for"
done
ok 'the network log has every resource of the page and no failed request'
kill -TERM "${pid[gateway]}"
wait_end gateway 20
((code == 0)) || fail "the gateway ended with $code"
ok "the gateway: $(grep -o '[0-9]* requests;.*' gateway.err)"
stop_seed seed
