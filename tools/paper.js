// The page of tools/paper, made from its table alone: {version, seed, quick, missing, csv}.
'use strict';

(() => {
  const main = document.getElementById('report');
  const given = JSON.parse(document.getElementById('result').textContent);
  // Not d3.csvParse, which makes code from the names; the page's policy forbids that.
  const texts = ['experiment', 'client', 'command'];
  const [names, ...lines] = d3.csvParseRows(given.csv);
  const rows = lines.map(line => Object.fromEntries(line.map((text, i) => [names[i],
    texts.includes(names[i]) ? text : text === '' ? null : Number(text)])));

  // ---- what others report -----------------------------------------------------------------------

  // The numbers that the paper's text gives (its curves are not read off): 128 KiB, by kbit/s, then
  // by arrivals a second. `at` is where a plot shows them.
  const paper = {
    800: {flashback: {32: {at: 12, text: 'under 12'}}, bittorrent: {32: {at: 20, text: 'over 20'}}},
    400: {
      flashback: {2: {at: 11, text: 'about 11'}, 32: {at: 15, text: 'just above 15'}},
      bittorrent: {2: {at: 15, text: 'about 15'}, 32: {at: 30, text: 'over 30'}},
    },
  };
  // libtorrent 2.0.8 between real processes in an emulated network with the same lines, 128 KiB;
  // null: the pool grew.
  const libtorrent = {
    800: [
      ['libtorrent, pieces of 2 KiB', {1: 3.5, 2: 4.3, 4: 4.8, 8: 4.3, 16: 4.4, 32: 4.9}],
      ['libtorrent, pieces of 16 KiB', {1: 4.5, 2: 4.8, 4: 5.5, 8: null, 16: null, 32: null}],
    ],
    400: [['libtorrent, pieces of 2 KiB', {2: 6.6, 8: 7.9}]],
  };

  // ---- texts ------------------------------------------------------------------------------------

  const thin = '\u202f';
  const isNumber = v => typeof v === 'number' && Number.isFinite(v);
  const fixed = (v, digits = 2) => (isNumber(v) ? d3.format(`,.${digits}f`)(v) : '–');
  const whole = v => (isNumber(v) ? d3.format(',.0f')(v) : '–');
  const seconds = v => (isNumber(v) ? fixed(v, v < 100 ? 2 : 0) : '–');
  const rateText = x => `${whole(x)}/s`;
  const list = words => (words.length < 2 ? words.join('')
    : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`);

  const find = (experiment, client, kbit, kib, x) => rows.find(r => r.experiment === experiment
    && r.client === client && r.line_kbit === kbit && r.file_kib === kib && r.x === x);
  const select = (experiment, client, kbit, kib) => rows.filter(r => r.experiment === experiment
    && r.client === client && r.line_kbit === kbit && r.file_kib === kib).sort((a, b) => a.x - b.x);
  const unique = values => [...new Set(values)].sort((a, b) => a - b);
  const steady = row => Boolean(row) && row.stable === 1;

  const pool = rows.filter(r => r.experiment === 'pool');
  const rates = unique(pool.map(r => r.x));
  const paperRates = rates.filter(x => x <= 32);
  const sizes = unique(pool.map(r => r.file_kib));
  const speeds = unique(pool.map(r => r.line_kbit)).reverse();

  // ---- parts of the page ------------------------------------------------------------------------

  function element(parent, name, className, text) {
    const out = document.createElement(name);
    if (className) out.className = className;
    if (text !== undefined) out.textContent = text;
    parent.append(out);
    return out;
  }
  function section(title, ...paragraphs) {
    const out = element(main, 'section');
    element(out, 'h2', '', title);
    // On paper, what is said of figures does not stay behind on the page before.
    for (const text of paragraphs) {
      const p = element(out, 'p', '', text);
      p.style.breakAfter = 'avoid';
      p.style.breakInside = 'avoid';
    }
    return out;
  }
  function tile(parent, name, value, unit, rest, bad) {
    const out = element(parent, 'div', bad ? 'tile bad' : 'tile');
    element(out, 'span', 'name', name);
    const number = element(out, 'span', 'value', value);
    if (unit) element(number, 'small', '', thin + unit);
    element(out, 'span', 'rest', rest);
  }
  function table(parent, columns, lines) {
    const out = element(element(parent, 'div', 'scroll'), 'table');
    const head = element(element(out, 'thead'), 'tr');
    for (const name of columns) element(head, 'th', '', name).setAttribute('scope', 'col');
    const body = element(out, 'tbody');
    for (const line of lines) {
      const tr = element(body, 'tr');
      line.forEach((cell, i) => {
        const name = i === 0 ? 'th' : 'td';
        const td = element(tr, name, cell.bad ? 'bad-text' : '', cell.text ?? cell);
        if (i === 0) td.setAttribute('scope', 'row');
      });
    }
  }
  const figures = parent => element(parent, 'div', 'figures');

  // ---- plots ------------------------------------------------------------------------------------

  const rateAxis = shown => ({label: 'arrivals a second', log: true, ticks: shown,
    min: shown[0] / 1.12, max: shown[shown.length - 1] * 1.12});

  // Lines of mean seconds; what did not hold becomes a cross at the upper edge, never a mean.
  // entries: [{name, style, points: [[x, seconds | null]]}], where null did not hold.
  function plot(parent, {title, note, entries, x, label = 'mean time, seconds', fixedTop}) {
    const shown = entries.filter(e => e.points.length > 0);
    const known = shown.flatMap(e => e.points.map(p => p[1])).filter(v => v !== null);
    const crossed = shown.some(e => e.points.some(p => p[1] === null));
    const top = fixedTop ?? (known.length > 0 ? d3.max(known) * (crossed ? 1.22 : 1.06) : 1);
    const series = [];
    let row = 0;
    for (const e of shown) {
      series.push({name: e.name, style: e.style, bare: e.bare, markers: true, always: true,
        points: e.points});
      const lost = e.points.filter(p => p[1] === null).map(p => p[0]);
      if (lost.length === 0) continue;
      // Each line's crosses in a row of their own, and a gap behind each, so nothing joins them.
      const at = top * (1 - 0.055 * row);
      row += 1;
      const quiet = e.points.some(p => p[1] !== null);
      series.push({name: `${e.name}: does not hold`, style: e.style, bare: true, cross: true, quiet,
        points: lost.map(v => [v, at])});
    }
    const out = Charts.figure(parent, {title,
      note: crossed ? `${note} A cross at the upper edge: the pool keeps growing.` : note});
    if (known.length === 0) {
      Charts.empty(out, 'Nothing held at any of these rates: the pool keeps growing.');
    } else {
      Charts.lines(out, {x, y: {label, min: 0, max: top}, series});
    }
  }

  const pointsOf = (client, kbit, kib, shown) => select('pool', client, kbit, kib)
    .filter(r => shown.includes(r.x)).map(r => [r.x, steady(r) ? r.mean_s : null]);
  const limitsOf = (kbit, kib, shown) => select('pool', 'classic', kbit, kib)
    .filter(r => shown.includes(r.x)).map(r => [r.x, r.limit_s]);
  const told = (numbers, shown) => Object.entries(numbers ?? {})
    .map(([x, v]) => [Number(x), isNumber(v) || v === null ? v : v.at])
    .filter(p => shown.includes(p[0]));

  const styles = {classic: 0, nopromise: 5, http: 1, limit: 7, paper: 3, torrent: 2, torrent16: 6,
    paperTorrent: 4};
  const bySize = (client, kbit, shown) => sizes.map((kib, i) => ({name: `${kib} KiB`,
    style: [0, 2, 3][i % 3], points: pointsOf(client, kbit, kib, shown)}));
  const ofFlashback = (kbit, shown) => bySize('classic', kbit, shown)
    .concat([{name: '128 KiB without the promise', style: styles.nopromise,
      points: pointsOf('nopromise', kbit, 128, shown)}]);

  function torrentPlot(parent, letter, kbit, shown) {
    plot(parent, {
      title: `${letter} BitTorrent, 128 KiB`,
      note: 'Not simulated. libtorrent 2.0.8, tuned in its favour, between real processes in an '
        + 'emulated network with the same lines; and the numbers that the paper\u2019s text gives '
        + 'for BitTorrent 4.0.2 with pieces of 512 bytes.',
      x: rateAxis(shown),
      entries: (libtorrent[kbit] ?? []).map(([name, numbers], i) => ({name,
        style: [styles.torrent, styles.torrent16][i], points: told(numbers, shown)}))
        .concat([{name: 'the paper, BitTorrent 4.0.2', style: styles.paperTorrent, bare: true,
          points: told(paper[kbit]?.bittorrent, shown)}]),
    });
  }

  function sidePlot(parent, letter, kbit, shown) {
    const bound = kbit === 800 ? 'The paper says under 12 s and over 20 s at 32/s; '
      + 'its points stand at these bounds.'
      : 'The paper says just above 15 s at 32/s, 4 s less at 2/s, and for BitTorrent over 30 s, '
      + 'which is almost 15 s more than at 2/s.';
    plot(parent, {
      title: `${letter} Side by side, 128 KiB`,
      note: bound,
      x: rateAxis(shown),
      entries: [
        {name: 'Flashback classic, simulated', style: styles.classic,
          points: pointsOf('classic', kbit, 128, shown)},
        {name: 'without the promise, simulated', style: styles.nopromise,
          points: pointsOf('nopromise', kbit, 128, shown)},
        {name: 'plain HTTP, simulated', style: styles.http,
          points: pointsOf('http', kbit, 128, shown)},
        {name: 'libtorrent, pieces of 2 KiB', style: styles.torrent,
          points: told(libtorrent[kbit]?.[0]?.[1], shown)},
        {name: 'the lines\u2019 limit', style: styles.limit, points: limitsOf(kbit, 128, shown)},
        {name: 'the paper, Flashback', style: styles.paper, bare: true,
          points: told(paper[kbit]?.flashback, shown)},
        {name: 'the paper, BitTorrent', style: styles.paperTorrent, bare: true,
          points: told(paper[kbit]?.bittorrent, shown)},
      ],
    });
  }

  // ---- the page ---------------------------------------------------------------------------------

  document.title = 'Flashback: the paper\u2019s evaluation';
  const visitors = d3.sum(rows, r => r.arrived);
  const header = element(main, 'header');
  element(header, 'h1', '', 'The paper\u2019s evaluation, repeated in virtual time');
  element(header, 'div', 'soft', `Flashback ${given.version}, profile classic, seed `
    + `${given.seed}: ${whole(rows.length)} simulated runs with ${whole(visitors)} visitors`);

  element(main, 'p', '', 'When everybody comes at once, a web server behind a thin line fails, and '
    + 'visitors who pass the pages on to each other do not. Section 4 of \u201cFlashback: A '
    + 'Peer-to-Peer Web Server for Flash Crowds\u201d (ICDCS 2007) measured how well; these are '
    + 'its experiments with this program: the same files, lines and rates, plain HTTP beside '
    + 'them, and then rates up to 1,024 visitors a second.');
  if (given.quick) {
    element(main, 'p', 'bad-text', 'This is a quick run, with few rates and arrivals of 20 s, to '
      + 'see that all of it works. Its figures are rough.');
  }

  // What holds up to which rate.
  function holdsUpTo(client, kbit, kib) {
    let out = null;
    for (const row of select('pool', client, kbit, kib)) {
      if (!steady(row)) break;
      out = row.x;
    }
    return out;
  }

  const most = d3.max(paperRates);
  const key = find('pool', 'classic', 800, 128, most);
  const keyHttp = find('pool', 'http', 800, 128, most);
  if (key) {
    const tiles = element(main, 'div', 'tiles');
    const spoken = paper[800].flashback[most];
    tile(tiles, 'Flashback classic', steady(key) ? seconds(key.mean_s) : 'unstable',
      steady(key) ? 's' : '', `mean, 128 KiB at ${rateText(most)}, lines of 800${thin}kbit/s`,
      !steady(key));
    tile(tiles, 'The paper', spoken ? spoken.text : '–', spoken ? 's' : '',
      spoken ? 'for the same' : `gives no number at ${rateText(most)}`);
    tile(tiles, 'Plain HTTP', steady(keyHttp) ? seconds(keyHttp.mean_s) : 'unstable',
      steady(keyHttp) ? 's' : '', keyHttp && !steady(keyHttp)
        ? `its queue grows by ${fixed(keyHttp.pool_slope_per_s, 1)} visitors a second`
        : 'for the same',
      !steady(keyHttp));
    tile(tiles, 'The lines\u2019 limit', seconds(key.limit_s), 's', 'whatever the protocol');
    const upTo = holdsUpTo('classic', 800, 128);
    tile(tiles, 'Holds up to', upTo === null ? '–' : whole(upTo), upTo === null ? '' : '/s',
      '128 KiB behind 800 kbit/s, of the rates tried');
    tile(tiles, 'Received', fixed(key.received_bytes / 1024, 0), 'KiB',
      `by each visitor for 128 KiB at ${rateText(most)}`);
  }

  const broken = rows.filter(r => r.violations > 0);
  const verdict = element(main, 'div', broken.length > 0 || given.missing > 0
    ? 'verdict bad' : 'verdict');
  if (broken.length > 0) {
    element(verdict, 'strong', '', `In ${broken.length} runs a rule did not hold; they are worth `
      + 'nothing.');
    const items = element(verdict, 'ul');
    for (const row of broken.slice(0, 20)) element(items, 'li', '', row.command);
  } else {
    element(verdict, 'strong', '', 'Every rule held in every run.');
    element(verdict, 'span', '', 'The simulator checks all along that no byte appears or '
      + 'vanishes, that files arrive as they were, that nobody gets more than tit-for-tat '
      + 'allows, and that no visitor is stuck.');
  }
  if (given.missing > 0) element(verdict, 'p', '', `${given.missing} runs could not be made.`);

  if (key && !given.quick) {
    const out = element(main, 'ul');
    const upTo = (client, kbit, kib) => {
      const x = holdsUpTo(client, kbit, kib);
      return x === null ? 'not even at 1/s' : `up to ${rateText(x)}`;
    };
    const say = text => element(out, 'li', '', text);
    const bySizes = client => {
      const found = sizes.map(kib => upTo(client, 800, kib));
      return new Set(found).size === 1 ? `${found[0]} with each file`
        : list(found.map((text, i) => `${text} with ${sizes[i]} KiB`));
    };
    say(`Plain HTTP behind 800 kbit/s holds ${bySizes('http')}.`);
    say(`Flashback behind the same line holds ${bySizes('classic')}; the paper tested up to 32/s.`);
    if (speeds.includes(400)) {
      const [own, without] = ['classic', 'nopromise'].map(client => upTo(client, 400, 128));
      say(`With lines of 400 kbit/s and 128 KiB it holds ${own}, `
        + `${own === without ? 'with its upload promise and without it'
          : `and without its upload promise ${without}`}. The paper, which makes no such promise, `
        + 'reports 32/s.');
    }
    const without = find('pool', 'nopromise', 800, 128, most);
    if (steady(key) && steady(without)) {
      say(`The promise that a visitor sends at most what it received and 4 KiB costs most: at `
        + `${rateText(most)} the mean is ${seconds(key.mean_s)}${thin}s with it and `
        + `${seconds(without.mean_s)}${thin}s without, where the lines would allow `
        + `${seconds(key.limit_s)}${thin}s.`);
    }
  }

  // ---- figures 6 and 7 --------------------------------------------------------------------------

  if (speeds.includes(800)) {
    const out = section('Figure 6: time against the rate of arrivals, lines of 800 kbit/s',
      'The paper\u2019s Stabilised Pool test. Visitors arrive at a constant rate, and each '
      + 'leaves as soon as it has the file. How long do they wait on average, and does the '
      + 'number of those under way settle? Panels and axes are the paper\u2019s, in seconds '
      + 'instead of milliseconds.');
    const grid = figures(out);
    plot(grid, {title: '(a) Plain HTTP', x: rateAxis(paperRates),
      note: 'An ideal server that shares its uplink evenly and never refuses. The paper reports '
        + 'that HTTP stabilises up to 8/s for files of 64 KiB; behind 800 kbit/s no server can '
        + 'send more than 1.5 of them a second, so its stop rule must have fired by chance.',
      entries: bySize('http', 800, paperRates)});
    torrentPlot(grid, '(b)', 800, paperRates);
    plot(grid, {title: '(c) Flashback classic', x: rateAxis(paperRates),
      note: 'The paper\u2019s protocol with this program\u2019s security rules; and without the '
        + 'dearest of them, the promise that a visitor sends at most what it received and 4 KiB.',
      entries: ofFlashback(800, paperRates)});
    sidePlot(grid, '(d)', 800, paperRates);
  }
  if (speeds.includes(400)) {
    const out = section('Figure 7: the same with lines of 400 kbit/s',
      'Everybody\u2019s line, the server\u2019s too, carries half as much. The paper leaves HTTP '
      + 'out here; it stands in the side by side for completeness.');
    const grid = figures(out);
    torrentPlot(grid, '(a)', 400, paperRates);
    plot(grid, {title: '(b) Flashback classic', x: rateAxis(paperRates),
      note: 'As Figure 6 (c).', entries: ofFlashback(400, paperRates)});
    sidePlot(grid, '(c)', 400, paperRates);
  }

  // ---- figure 8 ---------------------------------------------------------------------------------

  const received = (client, kbit) => select('pool', client, kbit, 128)
    .filter(r => paperRates.includes(r.x) && steady(r)).map(r => [r.x, r.received_bytes / 1024]);
  {
    const out = section('Figure 8: what a visitor receives for a file of 128 KiB',
      'Everything on the wire is counted: chunks, those that came twice, messages, and 28 bytes '
      + 'of IP and UDP headers on each datagram. The paper reports that this is nearly constant '
      + 'with Flashback and rises with BitTorrent.');
    const grid = figures(out);
    const series = speeds.map((kbit, i) => ({name: `Flashback classic, ${kbit} kbit/s`,
      style: [0, 3][i % 2], markers: true, always: true, points: received('classic', kbit)}))
      .concat(speeds.map((kbit, i) => ({name: `without the promise, ${kbit} kbit/s`,
        style: [5, 6][i % 2], markers: true, points: received('nopromise', kbit)})));
    Charts.lines(Charts.figure(grid, {title: 'Data received against the rate',
      note: 'Only where the pool settles. libtorrent received 145 to 195 kB in its emulated '
        + 'network.'}),
    {x: rateAxis(paperRates), y: {label: 'KiB received', min: 0}, series,
      marks: [{axis: 'y', value: 128, label: 'the file'}]});
    const split = select('pool', 'classic', 800, 128)
      .filter(r => paperRates.includes(r.x) && steady(r));
    Charts.stacks(Charts.figure(grid, {title: 'What it is made of, lines of 800 kbit/s',
      note: 'New chunks are the file itself.'}),
    {rows: split.map(r => ({name: rateText(r.x),
      values: [r.new_bytes, r.duplicate_bytes, r.other_bytes].map(v => v / 1024)})),
    parts: ['new chunks', 'chunks again', 'headers and messages'],
    x: {label: 'KiB received', min: 0}});
  }

  // ---- one-shot ---------------------------------------------------------------------------------

  const shots = rows.filter(r => r.experiment === 'oneshot');
  if (shots.length > 0) {
    const out = section('The one-shot test: everybody at once',
      'The paper describes this test and leaves its results to a report of its own, so there is '
      + 'nothing to lay beside these. N visitors come at the same instant for 128 KiB; nobody '
      + 'gives up.');
    const grid = figures(out);
    for (const kbit of unique(shots.map(r => r.line_kbit)).reverse()) {
      const points = (client, value) => select('oneshot', client, kbit, 128)
        .filter(r => r.incomplete === 0).map(r => [r.x, r[value]]);
      const numbers = unique(shots.filter(r => r.line_kbit === kbit).map(r => r.x));
      Charts.lines(Charts.figure(grid, {title: `Lines of ${kbit} kbit/s`,
        note: 'Both axes are logarithmic.'}),
      {x: {label: 'visitors at once', log: true, ticks: numbers},
        y: {label: 'seconds', log: true},
        series: [
          {name: 'Flashback, mean', style: 0, markers: true, points: points('classic', 'mean_s')},
          {name: 'Flashback, 95 of 100', style: 3, markers: true,
            points: points('classic', 'p95_s')},
          {name: 'without the promise, mean', style: styles.nopromise, markers: true,
            points: points('nopromise', 'mean_s')},
          {name: 'plain HTTP, mean', style: styles.http, markers: true,
            points: points('http', 'mean_s')},
          {name: 'the lines\u2019 limit', style: styles.limit, markers: true,
            points: points('classic', 'limit_s')},
        ]});
    }
  }

  // ---- beyond -----------------------------------------------------------------------------------

  if (rates.length > paperRates.length) {
    const out = section('Beyond the paper: up to 1,024 visitors a second',
      'The paper\u2019s machines were too slow for 64/s. A swarm holds when its pool settles; '
      + 'where it does not, part of all who come is added to the pool each second, and a mean of '
      + 'those who made it would say nothing. So these plots show where it breaks.');
    const grid = figures(out);
    for (const kbit of speeds) {
      plot(grid, {title: `Mean time, lines of ${kbit} kbit/s`, x: rateAxis(rates),
        entries: ofFlashback(kbit, rates), note: 'Flashback classic.'});
    }
    for (const kbit of speeds) {
      const piledUp = (client, kib) => select('pool', client, kbit, kib)
        .map(r => [r.x, Math.max(0, r.pool_slope_per_s / r.x) * 100]);
      const series = sizes.map((kib, i) => ({name: `${kib} KiB`, style: [0, 2, 3][i % 3],
        markers: true, points: piledUp('classic', kib)}))
        .concat([{name: '128 KiB without the promise', style: styles.nopromise, markers: true,
          points: piledUp('nopromise', 128)}, {name: 'plain HTTP, 128 KiB', style: styles.http,
          markers: true, points: piledUp('http', 128)}]);
      Charts.lines(Charts.figure(grid, {title: `How much of the crowd piles up, ${kbit} kbit/s`,
        note: 'The pool\u2019s growth as a part of the arrivals, over the second half of them. '
          + '0: everybody is served as fast as they come; 100: nobody is.'}),
      {x: rateAxis(rates), y: {label: 'percent of those who come', min: 0, max: 105,
        ticks: [0, 25, 50, 75, 100]}, series,
      marks: [{axis: 'y', value: 10, label: 'above this: does not hold'}]});
    }
  }

  // ---- side by side -----------------------------------------------------------------------------

  const cellOf = row => {
    if (!row) return '–';
    return steady(row) ? seconds(row.mean_s) : {text: 'unstable', bad: true};
  };
  {
    const out = section('Side by side: 128 KiB, mean seconds',
      'The paper: the numbers in its text. libtorrent: tuned, pieces of 2 KiB, measured once in an '
      + 'emulated network. The limit: what lines and distances alone would take. All others: this '
      + 'evaluation.');
    for (const kbit of speeds) {
      const torrent = libtorrent[kbit]?.[0]?.[1] ?? {};
      const name = element(out, 'h3', '', `Lines of ${kbit} kbit/s`);
      name.style.marginTop = '18px';
      name.style.breakAfter = 'avoid';
      table(out, ['arrivals', 'the paper', 'libtorrent', 'limit', 'Flashback', '95 of 100',
        '\u00d7 limit', 'without promise', 'plain HTTP'], rates.map(x => {
        const ours = find('pool', 'classic', kbit, 128, x);
        const held = steady(ours);
        return [rateText(x), paper[kbit]?.flashback[x]?.text ?? '',
          isNumber(torrent[x]) ? fixed(torrent[x], 1) : '', seconds(ours?.limit_s), cellOf(ours),
          held ? seconds(ours.p95_s) : '–', held ? fixed(ours.ratio_to_limit, 1) : '–',
          cellOf(find('pool', 'nopromise', kbit, 128, x)),
          cellOf(find('pool', 'http', kbit, 128, x))];
      }));
    }
  }

  // ---- method -----------------------------------------------------------------------------------

  {
    section('How it was measured',
      'The program itself ran, the same code as on the wire, in a world with a virtual clock '
      + '(fbload sim). Every visitor and the server have a line with a queue of 64 KiB each way; '
      + 'every datagram counts with 28 bytes of headers; the one-way delay between two of them is '
      + '2 to 18 ms at each end and 76.7 ms times their distance in a square with sides of 1, '
      + '60 ms on average, as in the paper. There is no loss but that of full queues. Everything '
      + 'follows from the seed.',
      'Arrivals are open-loop, and a visitor\u2019s time counts from the instant of its arrival. '
      + `${given.quick ? 'They go on for 20 s' : 'They go on for two minutes at 1/s and 2/s, for '
        + 'one up to 64/s, and for 20 to 30 s above'}; then those under way may finish, for two `
      + 'minutes up to 32/s and for 30 s above. Every visitor counts.',
      'A rate holds when everybody who came is served and the pool does not grow: over the second '
      + 'half of the arrivals its slope is at most a tenth of the rate. The paper\u2019s own rule '
      + '(the maximum of ten seconds does not exceed the earlier one) stands in the table as '
      + 'stabilised_at_s; it can fire by chance.',
      'Flashback classic has every security rule of this program. \u201cWithout the promise\u201d '
      + 'lacks one: that a visitor never sends more than it received and 4 KiB. The paper limits '
      + 'only what each neighbour gets.',
      'HTTP is an idealised model: an even share of the server\u2019s uplink for everybody, one '
      + 'round trip for the connection and one for the request, 40 bytes of headers a segment, no '
      + 'loss and no refusal. A real server does worse.');
    const repeat = section('To repeat it');
    const command = `tools/paper${given.quick ? ' --quick' : ''} --seed ${given.seed}`;
    const line = element(repeat, 'p', '', 'The whole: ');
    element(line, 'code', '', command);
    element(repeat, 'p', '', 'A single run, with its own page: ');
    const example = key ?? rows[0];
    if (example) {
      element(element(repeat, 'p'), 'code', '', `${example.command} --json run.json`);
      element(element(repeat, 'p'), 'code', '', 'fbload report run.json run.html');
    }
    const details = element(repeat, 'details');
    element(details, 'summary', '', `All ${whole(rows.length)} runs`);
    table(details, ['run', 'lines', 'file', 'x', 'arrived', 'unserved', 'mean s', '95 % s',
      'limit s', 'pool', 'slope', 'holds'], rows.map(r => [
      `${r.experiment === 'pool' ? 'pool' : 'one-shot'}, ${r.client}`, `${r.line_kbit}`,
      `${r.file_kib} KiB`, r.experiment === 'pool' ? rateText(r.x) : whole(r.x), whole(r.arrived),
      whole(r.incomplete), seconds(r.mean_s), seconds(r.p95_s), seconds(r.limit_s),
      whole(r.pool_max), fixed(r.pool_slope_per_s, 1),
      steady(r) ? 'yes' : {text: 'no', bad: true}]));
  }
  element(main, 'footer', '', `Made by tools/paper of Flashback ${given.version}; the table behind `
    + 'every figure is results.csv beside this page. In it, x is the rate or the number of '
    + 'visitors.');
})();
