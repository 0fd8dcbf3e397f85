// A run's page, made from the JSON of `fbload`; docs/report.md describes its keys. With {"runs":
// [...]} instead of one run it lays several side by side.
'use strict';

(() => {
  const main = document.getElementById('report');
  const thin = '\u202f';
  const times = '\u00d7';

  // ---- texts -----------------------------------------------------------------------------------

  const isNumber = v => typeof v === 'number' && Number.isFinite(v);
  const whole = v => (isNumber(v) ? d3.format(',.0f')(v) : '–');
  const fixed = (v, digits) => (isNumber(v) ? d3.format(`,.${digits}f`)(v) : '–');
  const plural = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;
  const ratioText = v => (isNumber(v) ? fixed(v, v < 10 ? 2 : v < 100 ? 1 : 0) : '–');
  const percent = v => {
    if (!isNumber(v)) return '–';
    if (v > 0 && v < 0.001) return `<${thin}0.1${thin}%`;
    return `${fixed(v * 100, v === 0 || v === 1 ? 0 : 1)}${thin}%`;
  };

  function scaled(value, base, units) {
    if (!isNumber(value)) return '–';
    let at = 0;
    let rest = value;
    while (rest >= base * 0.9995 && at + 1 < units.length) {
      rest /= base;
      ++at;
    }
    const digits = at === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
    return `${String(Number(rest.toFixed(digits)))}${thin}${units[at]}`;
  }
  const bytesText = v => scaled(v, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
  const speedText = v => scaled(v, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
  const rateText = v => (v === 0 ? 'no limit' : speedText(v));  // of a line
  function secondsText(v) {
    if (!isNumber(v)) return '–';
    if (v < 1 && v > 0) return `${String(Number((v * 1000).toPrecision(3)))}${thin}ms`;
    return `${fixed(v, v < 100 ? 2 : 0)}${thin}s`;
  }
  // Of a parameter, as it was given.
  function spanText(v) {
    if (v > 0 && v < 1) return `${String(Number((v * 1000).toFixed(3)))}${thin}ms`;
    return `${String(Number(v.toFixed(3)))}${thin}s`;
  }
  const list = words => (words.length < 2 ? words.join('')
    : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`);
  const titleOf = run => run.title || 'Untitled run';

  // ---- parts of the page -----------------------------------------------------------------------

  function element(parent, name, className, text) {
    const out = document.createElement(name);
    if (className) out.className = className;
    if (text !== undefined) out.textContent = text;
    parent.append(out);
    return out;
  }

  function section(title) {
    const out = element(main, 'section');
    if (title) element(out, 'h2', '', title);
    return out;
  }

  function tile(parent, name, value, unit, rest, bad) {
    const out = element(parent, 'div', bad ? 'tile bad' : 'tile');
    element(out, 'span', 'name', name);
    const number = element(out, 'span', 'value', value);
    if (unit) element(number, 'small', '', thin + unit);
    element(out, 'span', 'rest', rest);
  }

  // columns: [{name, text}], rows: [[string]]
  function table(parent, columns, rows) {
    const out = element(element(parent, 'div', 'scroll'), 'table');
    const head = element(element(out, 'thead'), 'tr');
    for (const c of columns) {
      element(head, 'th', c.text ? 'text' : '', c.name).setAttribute('scope', 'col');
    }
    const body = element(out, 'tbody');
    for (const row of rows) {
      const line = element(body, 'tr');
      row.forEach((cell, i) => {
        const td = element(line, i === 0 ? 'th' : 'td', columns[i].text ? 'text' : '', cell);
        if (i === 0) td.setAttribute('scope', 'row');
      });
    }
    return out;
  }

  // ---- the scenario in words -------------------------------------------------------------------

  const lineText = link => (link.up_bits_per_second === link.down_bits_per_second
    ? `${rateText(link.up_bits_per_second)} each way`
    : `${rateText(link.up_bits_per_second)} up and ${rateText(link.down_bits_per_second)} down`);

  function arrivalsText(run) {
    const a = run.scenario.arrivals;
    const stop = run.scenario.stop;
    const who = run.profile === 'http' ? 'plain HTTP clients' : 'visitors';
    if (stop.rule === 'number' && stop.peers === 1) return 'One visitor comes.';
    const some = stop.rule === 'number' ? `${whole(stop.peers)} ${who}` : who;
    const rate = v => `${Charts.plain(v)} a second`;
    const how = {
      'constant': () => `${some} come, ${rate(a.rate_per_second)}, at even distances`,
      'poisson': () => `${some} come at random, ${rate(a.rate_per_second)} on average`,
      'one-shot': () => `${whole(stop.peers)} ${who} come all at once`,
      'ramp': () => `${some} come, at first ${rate(a.rate_per_second)} and after `
        + `${spanText(a.ramp_s)} ${rate(a.rate_end_per_second)}`,
      'trace': () => `${whole(a.trace_visitors)} ${who} come at recorded instants within `
        + `${spanText(a.trace_s)}`,
    }[a.kind]?.() ?? `${some} come`;
    const first = how.charAt(0).toUpperCase() + how.slice(1);
    if (a.kind === 'one-shot' || a.kind === 'trace' || stop.rule === 'number') return `${first}.`;
    if (stop.rule === 'duration') return `${first}, for ${spanText(stop.duration_s)}.`;
    return `${first}, until the number of those under way has stopped growing.`;
  }

  function contentText(content) {
    if (content.site) {
      if (content.page) return `Each fetches the page ${content.path} with all that it shows.`;
      return content.path ? `Each fetches ${content.path} of a site.`
        : 'Each fetches a file of a site.';
    }
    const sizes = (content.sizes_bytes ?? []).map(bytesText);
    if (sizes.length === 0) return '';
    if (sizes.length === 1) return `Each fetches a file of ${sizes[0]}.`;
    const which = content.page ? 'a page of' : 'one of';
    return `Each fetches ${which} ${plural(sizes.length, 'file')}, of `
      + `${sizes.length > 6 ? `${sizes[0]} to ${sizes[sizes.length - 1]}` : list(sizes)}.`;
  }

  function classText(c) {
    const s = c.scenario;
    const out = [lineText(s)];
    if (s.delay_s > 0) out.push(`${spanText(s.delay_s)} more delay`);
    if (s.loss > 0) out.push(`${percent(s.loss)} loss`);
    if (s.nat !== 'open') out.push(`behind a ${s.nat} NAT`);
    if (s.behaviour === 'free-rider') out.push('gives nothing');
    if (s.behaviour === 'polluter') out.push('gives wrong bytes');
    if (s.behaviour === 'large-view') out.push('free rider with many neighbours');
    if (s.abandon_after_s > 0) out.push(`leaves after ${spanText(s.abandon_after_s)}`);
    return out.join(', ');
  }

  function networkText(n) {
    const out = [];
    if (n.loss > 0) out.push(`${percent(n.loss)} of all datagrams are lost`);
    if (n.duplicate > 0) out.push(`${percent(n.duplicate)} are doubled`);
    if (n.reorder > 0) out.push(`${percent(n.reorder)} come out of order`);
    if (n.corrupt > 0) out.push(`${percent(n.corrupt)} have a changed byte`);
    return out.length > 0 ? `Of the network: ${list(out)}.` : '';
  }

  function faultsText(f) {
    const out = [];
    if (f.seeder_down_for_s > 0) {
      out.push(`The seeder is down for ${spanText(f.seeder_down_for_s)} after `
        + `${spanText(f.seeder_down_at_s)}.`);
    }
    if (f.kill_every_s > 0) {
      out.push(`Every ${spanText(f.kill_every_s)}, ${percent(f.kill_share)} of those in the swarm `
        + 'vanish without a word.');
    }
    if (f.partition_for_s > 0) {
      out.push(`After ${spanText(f.partition_at_s)}, ${percent(f.partition_share)} are cut off `
        + `from all others for ${spanText(f.partition_for_s)}.`);
    }
    return out.join(' ');
  }

  function scenarioText(run) {
    const s = run.scenario;
    const one = run.classes.length === 1;
    return [arrivalsText(run), contentText(s.content),
      `The site is behind a line of ${lineText(s.seeder)}.`,
      one ? `Each visitor's line: ${classText(run.classes[0])}.`
        : `The visitors are of ${run.classes.length} classes, described below.`,
      networkText(s.network), faultsText(s.faults),
      run.warm_up_visitors > 0 ? `The first ${plural(run.warm_up_visitors, 'visitor')}, who came `
        + `in the first ${spanText(s.warm_up_s)}, are served but not counted.` : '',
      run.cool_down_visitors > 0 ? `The last ${plural(run.cool_down_visitors, 'visitor')}, who came `
        + `in the last ${spanText(s.cool_down_s)} of arrivals, are not counted either.` : '',
    ].filter(Boolean).join(' ');
  }

  // ---- one run ---------------------------------------------------------------------------------

  function runTitle(run) {
    const header = element(main, 'header');
    element(header, 'h1', '', titleOf(run));
    const profile = run.profile === 'http' ? 'Plain HTTP' : `Flashback, profile ${run.profile}`;
    const where = run.mode === 'real' ? 'in real time over sockets' : 'simulated in virtual time';
    element(header, 'div', 'soft', `${profile} · ${where} · seed ${run.seed}`);
  }

  function verdict(run) {
    const host = run.host?.was_the_limit ? run.host.why : [];
    const problems = [
      ...(run.checks.violations > 0
        ? [[`${plural(run.checks.violations, 'check')} of the protocol did not hold`,
          run.checks.listed.map(v => `${v.check} at ${fixed(v.at_s, 3)}${thin}s: ${v.what}`)]]
        : []),
      ...(run.unmet.length > 0
        ? [[`${plural(run.unmet.length, 'expectation')} not met`, run.unmet]] : []),
      ...(host.length > 0
        ? [['This host was the limit: the times below are not the protocol’s', host]] : []),
      ...(run.interrupted ? [['The run was interrupted', []]] : []),
    ];
    for (const [what, details] of problems) {
      const box = element(main, 'div', 'verdict bad');
      element(box, 'strong', '', what);
      if (details.length === 0) continue;
      const items = element(box, 'ul');
      for (const each of details) element(items, 'li', '', each);
    }
    if (problems.length > 0) return;
    const expected = Object.keys(run.scenario.expect).length
      + d3.sum(run.classes, c => ['mean_s_max', 'p95_s_max', 'incomplete_max']
        .filter(k => isNumber(c.scenario[k])).length);
    const held = expected === 0 ? 'All checks held'
      : `All checks held, and ${
        expected === 1 ? 'the expectation' : `all ${expected} expectations`}`;
    const left = run.incomplete > 0 ? `; ${plural(run.incomplete, 'visitor')} unfinished` : '';
    element(element(main, 'div', 'verdict'), 'strong', '',
      run.arrived === 0 ? 'No visitor came that is counted' : held + left);
  }

  function headline(run) {
    const t = run.completion_seconds;
    const tiles = element(main, 'div', 'tiles');
    const error = isNumber(t.mean_error) ? `± ${fixed(t.mean_error, 2)}${thin}s standard error`
      : 'too few for an error estimate';
    tile(tiles, 'Mean wait', fixed(t.mean, 2), isNumber(t.mean) ? 's' : '',
      isNumber(t.mean) ? error : 'nobody completed');
    tile(tiles, `95${thin}% waited at most`, fixed(t.p95, 2), isNumber(t.p95) ? 's' : '',
      `longest: ${secondsText(t.max)}`);
    tile(tiles, 'Against the limit', ratioText(run.ratio_to_limit),
      isNumber(run.ratio_to_limit) ? times : '', `limit: ${secondsText(run.limit_seconds)}`);
    const others = [];
    if (run.abandoned > 0) others.push(`${whole(run.abandoned)} gave up waiting`);
    if (run.killed > 0) others.push(`${whole(run.killed)} killed`);
    tile(tiles, 'Unfinished', whole(run.incomplete), '',
      `of ${plural(run.arrived, 'visitor')}${others.length ? `; ${others.join(', ')}` : ''}`,
      run.incomplete > 0);
    const share = run.chunk_bytes.seeder_share;
    tile(tiles, 'The site sent', ...bytesText(run.seeder_bytes).split(thin),
      run.profile === 'http' ? `${speedText(run.seeder_bits_per_second ?? 0)} on average`
        : `${percent(share)} of what visitors got`);
    tile(tiles, 'Each received', ratioText(run.received_ratio),
      isNumber(run.received_ratio) ? times : '', isNumber(run.received_ratio)
        ? `its file: ${bytesText(run.received_bytes_mean)}` : 'nobody completed');
  }

  // A step for each visitor, or for each of so many; and on to `end` when some were left unserved.
  function cdfOf(block, end) {
    if (block.completed === 0) return [[0, 0], [end, 0]];
    const points = block.completion_cdf
      .map(([seconds, visitors]) => [seconds, 100 * visitors / Math.max(1, block.arrived)]);
    const most = points[points.length - 1][1];
    return [[0, 0], [points[0][0], 0], ...points, ...(most < 100 ? [[end, most]] : [])];
  }
  // Log axes where a tail would squeeze everybody else into a corner.
  const isLong = block => isNumber(block.completion_seconds.max)
    && block.completion_seconds.max > 12 * block.completion_seconds.p50;
  // More lines than this cannot be told apart.
  const classesShown = 12;
  const runsShown = 16;
  const cutNote = (all, shown, what) =>
    (all.length > shown ? ` Only the first ${shown} ${what}.` : '');
  const isAll = run => run.classes.length > 1;

  function completionChart(parent, run) {
    const log = isLong(run);
    const figure = Charts.figure(parent, {
      title: 'How long visitors waited',
      note: 'Per cent of all visitors who had their file within a time. A curve that ends below '
        + '100 % leaves the others unserved.'
        + (isNumber(run.limit_seconds) ? ' The dotted line is the physical limit.' : '')
        + (log ? ' Logarithmic time axis.' : '') + cutNote(run.classes, classesShown, 'classes'),
    });
    if (run.completed === 0) return Charts.empty(figure, 'Nobody completed.');
    const end = run.completion_seconds.max * 1.04;
    const series = [{name: 'all', points: cdfOf(run, end), style: 0, step: true}];
    if (isAll(run)) {
      run.classes.filter(c => c.arrived > 0).slice(0, classesShown).forEach((c, i) => series.push(
        {name: c.name, points: cdfOf(c, end), style: i + 1, step: true}));
    }
    const limit = run.limit_seconds;
    const marks = isNumber(limit)
      ? [{axis: 'x', value: limit, label: `limit ${fixed(limit, 2)}${thin}s`, left: true}] : [];
    return Charts.lines(figure, {
      x: {label: 'seconds since arrival', log},
      y: {label: 'per cent of visitors', min: 0, max: 100},
      series, marks,
    });
  }

  function histogramChart(parent, run) {
    const figure = Charts.figure(parent, {
      title: 'Completion times',
      note: 'Completed visitors by the time that they waited. Logarithmic time axis: all bars '
        + 'stand for the same ratio.',
    });
    const marks = [];
    const t = run.completion_seconds;
    if (isNumber(t.p50)) marks.push({axis: 'x', value: t.p50, label: 'median'});
    if (isNumber(t.p95) && t.p95 > t.p50 * 1.02) {
      marks.push({axis: 'x', value: t.p95, label: '95 %'});
    }
    Charts.histogram(figure, {
      bins: run.completion_histogram,
      x: {label: 'seconds since arrival'},
      y: {label: 'visitors', whole: true},
      marks,
    });
  }

  function poolChart(parent, run) {
    const at = run.pool.stabilised_at_s;
    const late = run.pool.stabilised && run.samples.length > 0 && !run.samples.some(s => s.at_s > at
      && s.arrived > (run.samples.find(o => o.at_s >= at)?.arrived ?? 0));
    const stable = run.pool.stabilised
      ? ` It stopped growing after ${spanText(at)}, by the paper’s rule`
        + `${late ? '; but nobody came any more then.' : '.'}`
      : ' By the paper’s rule it never stopped growing.';
    const figure = Charts.figure(parent, {
      title: 'Visitors under way',
      note: 'The pool: who has arrived and neither has the file nor has left, at the end of each '
        + `second.${run.samples.length > 0 ? stable : ''}`,
    });
    const marks = [];
    if (isNumber(run.pool.stabilised_at_s)) {
      marks.push({axis: 'x', value: run.pool.stabilised_at_s, label: 'stabilised'});
    }
    if (run.scenario.warm_up_s > 0) {
      marks.push({axis: 'x', value: run.scenario.warm_up_s, label: 'warm-up ends'});
    }
    Charts.lines(figure, {
      x: {label: 'seconds since the start'},
      y: {label: 'visitors', min: 0, whole: true},
      series: [{name: 'under way', points: run.samples.map(s => [s.at_s, s.pool])}],
      marks,
    });
  }

  function progressChart(parent, run) {
    const figure = Charts.figure(parent, {
      title: 'Come and gone',
      note: 'Visitors so far, those of the warm-up too. Who has arrived and is on none of the '
        + 'other lines is under way.',
    });
    const of = key => run.samples.map(s => [s.at_s, s[key]]);
    const some = key => run.samples.some(s => s[key] > 0);
    Charts.lines(figure, {
      x: {label: 'seconds since the start'},
      y: {label: 'visitors', min: 0, whole: true},
      series: [
        {name: 'arrived', points: of('arrived'), style: 7, always: true},
        {name: 'complete', points: of('completed'), style: 0},
        {name: 'gave up waiting', points: of('abandoned'), style: 1, if: some('abandoned')},
        {name: 'failed', points: of('failed'), style: 4, if: some('failed')},
      ].filter(each => each.if !== false),
    });
  }

  function throughputChart(parent, run) {
    const rates = key => run.samples.map((s, i) => {
      const span = s.at_s - (i > 0 ? run.samples[i - 1].at_s : 0);
      return [s.at_s, span > 0 ? s[key] * 8 / span : null];
    });
    const top = d3.max(run.samples, s => Math.max(s.peers_sent_bytes, s.useful_bytes)) ?? 0;
    const seeder = d3.max(run.samples, s => s.seeder_sent_bytes) ?? 0;
    const log = seeder > 0 && top > 15 * seeder;
    const figure = Charts.figure(parent, {
      title: 'Throughput',
      note: 'Sent by the site and by all visitors together, with headers, in each second; and what '
        + `of it was new to who received it.${log ? ' Logarithmic axis, so that the site is seen.'
          : ''}`,
    });
    const limit = run.scenario.seeder.up_bits_per_second;
    const all = ['seeder_sent_bytes', 'peers_sent_bytes', 'useful_bytes'].flatMap(rates)
      .map(p => p[1]).filter(v => v > 0);
    const series = [{name: 'the site', points: rates('seeder_sent_bytes'), style: 1, always: true}];
    if (run.profile !== 'http') {
      series.push({name: 'all visitors', points: rates('peers_sent_bytes'), style: 0});
    }
    series.push({name: 'new to its receiver', points: rates('useful_bytes'), style: 2});
    Charts.lines(figure, {
      x: {label: 'seconds since the start'},
      y: {label: 'bits a second', log, format: v => (v === 0 ? '0' : scaled(v, 1000,
        ['bit', 'kbit', 'Mbit', 'Gbit', 'Tbit'])),
      ...(log ? {min: Math.max(d3.min(all) / 1.6, d3.max(all) / 3000), max: d3.max(all) * 1.3}
        : {min: 0})},
      series,
      marks: limit > 0 && limit < (d3.max(all) ?? 0) * 1.5
        ? [{axis: 'y', value: limit, label: 'the site’s uplink'}] : [],
    });
  }

  const overheadParts = ['new chunks', 'chunks again', 'headers and messages'];
  const overheadRow = (name, block) => ({name, values: [block.received_split_mean.new_chunks,
    block.received_split_mean.duplicate_chunks, block.received_split_mean.other]});

  function overheadChart(parent, run, wide) {
    const figure = Charts.figure(parent, {
      wide,
      title: 'What each visitor received',
      note: 'Bytes on the wire of a visitor that completed, mean: chunks that it did not have yet, '
        + 'those that it had, and everything else. The dotted line is the file.',
    });
    const classes = isAll(run) ? run.classes.slice(0, classesShown) : [];
    const blocks = [['all', run], ...classes.map(c => [c.name, c])]
      .filter(([, b]) => b.completed > 0);
    const file = isNumber(run.received_ratio) && run.received_ratio > 0
      ? run.received_bytes_mean / run.received_ratio : null;
    Charts.stacks(figure, {
      rows: blocks.map(([name, block]) => overheadRow(name, block)),
      parts: overheadParts,
      x: {label: 'bytes', format: bytesText, ...byteTicks(d3.max(blocks, ([, b]) =>
        b.received_bytes_mean) ?? 1)},
      marks: file ? [{axis: 'x', value: file, label: 'the file'}] : [],
    });
  }

  // Round in units of 1024, and few.
  function byteTicks(most) {
    const unit = Math.pow(1024, Math.floor(Math.log(Math.max(1, most)) / Math.log(1024)));
    return {ticks: d3.ticks(0, most * 1.2 / unit, 4).map(t => t * unit)};
  }

  function quantile(block, share) {
    const wanted = share * block.completed;
    const found = block.completion_cdf.find(([, visitors]) => visitors >= wanted);
    return (found ?? block.completion_cdf[block.completion_cdf.length - 1])[0];
  }

  function boxesChart(parent, run) {
    const figure = Charts.figure(parent, {
      title: 'Waiting, class by class',
      note: 'Of those who completed: the box holds the middle half and the thick line is the '
        + 'median; the whiskers go from 5 to 95 %, the diamond is the mean, the dotted line '
        + 'the limit.',
    });
    Charts.boxes(figure, {
      rows: [run, ...run.classes.slice(0, classesShown)].filter(b => b.completed > 0).map(b => ({
        name: b === run ? 'all' : b.name,
        quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(q => quantile(b, q)),
        mean: b.completion_seconds.mean,
        limit: b.limit_seconds,
      })),
      x: {label: 'seconds since arrival', log: isLong(run)},
    });
  }

  function dropsChart(parent, run) {
    const figure = Charts.figure(parent, {
      title: 'What was dropped, and where',
      note: 'Datagrams that did not arrive (filled), and datagrams and requests that a visitor or '
        + 'the site did not act on (hatched); a protocol of probing drops many by design. The '
        + 'largest twelve.',
    });
    const words = {uplink_queue: 'uplink queue full', downlink_queue: 'downlink queue full',
      loss: 'lost on the way', nat: 'stopped by a NAT', partition: 'partition',
      nobody: 'receiver had left'};
    const rowsOf = (drops, style) => Object.entries(drops)
      .map(([key, value]) => ({name: words[key] ?? key.replace(/_/g, ' '), value, style}));
    const rows = [...rowsOf(run.network_drops, 0), ...rowsOf(run.drops, 1)]
      .filter(r => r.value > 0).sort((a, b) => b.value - a.value).slice(0, 12);
    Charts.bars(figure, {rows, format: whole, label: 'dropped, by reason'});
  }

  function classTable(run) {
    const part = section('Class by class');
    const columns = [{name: 'Class', text: true}, {name: 'Line and behaviour', text: true},
      {name: 'Visitors'}, {name: 'Complete'}, {name: 'Gave up'}, {name: 'Unfinished'},
      {name: 'Mean,\u00a0s'}, {name: '95\u00a0%,\u00a0s'}, {name: 'Limit,\u00a0s'},
      {name: `${times}\u00a0limit`},
      {name: 'Sent / received'}];
    table(part, columns, run.classes.map(c => [c.name, classText(c), whole(c.arrived),
      whole(c.completed), whole(c.abandoned), whole(c.incomplete),
      fixed(c.completion_seconds.mean, 2), fixed(c.completion_seconds.p95, 2),
      fixed(c.limit_seconds, 2), ratioText(c.ratio_to_limit),
      ratioText(c.upload_download_ratio.mean)]));
    return part;
  }

  function parameters(parent, run) {
    const details = element(parent, 'details');
    element(details, 'summary', '', 'All parameters');
    const columns = element(details, 'div', 'parameters');
    const scalars = Object.entries(run.scenario).filter(([, v]) => typeof v !== 'object');
    const groups = [['run', Object.fromEntries([['seed', run.seed], ['version', run.version],
      ...scalars])],
    ...Object.entries(run.scenario).filter(([, v]) => v !== null && typeof v === 'object'),
    ...run.classes.map(c => [`class ${c.name}`, c.scenario])];
    if (run.host) groups.push(['host', run.host]);
    for (const [name, values] of groups) {
      const rows = Object.entries(values);
      if (rows.length === 0) continue;
      const out = element(columns, 'table');
      element(out, 'caption', '', name);
      const body = element(out, 'tbody');
      for (const [key, value] of rows) {
        const row = element(body, 'tr');
        element(row, 'td', '', key);
        element(row, 'td', '', Array.isArray(value) ? value.join(', ') : String(value));
      }
    }
  }

  function figureText(run) {
    const out = [`In ${fixed(run.seconds, 1)}${thin}s of the run, the site sent `
      + `${bytesText(run.seeder_bytes)} (${speedText(run.seeder_bits_per_second ?? 0)} on `
      + 'average)'];
    if (run.profile === 'http') return `${out[0]}.`;
    out[0] += ` and the visitors ${bytesText(run.peers_bytes)}.`;
    const u = run.upload_download_ratio;
    if (isNumber(u.mean)) {
      out.push(`A visitor that completed sent ${ratioText(u.mean)} bytes of content for each that `
        + `it received, on average; at most ${ratioText(u.max)}.`);
    }
    const promise = bytesText(run.scenario.roulette.upload_promise_bytes);
    out.push(run.promise_broken === 0
      ? `Nobody sent more than it received plus the promised ${promise}.`
      : `${plural(run.promise_broken, 'visitor')} sent more than received plus the promised `
        + `${promise}.`);
    const failed = Object.entries(run.failures).filter(([, n]) => n > 0)
      .map(([why, n]) => `${whole(n)} ${why.replace(/_/g, ' ')}`);
    if (failed.length > 0) out.push(`Failed: ${list(failed)}.`);
    return out.join(' ');
  }

  function showRun(run) {
    document.title = titleOf(run);
    runTitle(run);
    element(main, 'p', 'words', scenarioText(run));
    verdict(run);
    headline(run);
    element(main, 'p', '', figureText(run));
    const waiting = element(section('Waiting'), 'div', 'figures');
    completionChart(waiting, run);
    histogramChart(waiting, run);
    const time = element(section('Second by second'), 'div', 'figures');
    poolChart(time, run);
    progressChart(time, run);
    throughputChart(time, run);
    dropsChart(time, run);
    const many = run.classes.length > 1;
    const last = element(section(many ? 'Overhead and classes' : 'Overhead'), 'div', 'figures');
    overheadChart(last, run, !many);
    if (many) boxesChart(last, run);
    parameters(many ? classTable(run) : section(), run);
    footer([run]);
  }

  // ---- several runs ----------------------------------------------------------------------------

  function showRuns(runs, title) {
    document.title = title;
    const header = element(main, 'header');
    element(header, 'h1', '', title);
    element(header, 'div', 'soft', `${runs.length} runs side by side`);
    const names = namesOf(runs);
    table(section('Runs'), [{name: 'Run', text: true}, {name: 'Visitors'}, {name: 'Unfinished'},
      {name: 'Mean,\u00a0s'}, {name: '±\u00a0s'}, {name: '95\u00a0%,\u00a0s'},
      {name: 'Limit,\u00a0s'}, {name: `${times}\u00a0limit`}, {name: 'Largest pool'},
      {name: 'Stabilised'},
      {name: `Received\u00a0${times}`}, {name: 'Sent / received'}],
    runs.map((r, i) => [names[i], whole(r.arrived), whole(r.incomplete),
      fixed(r.completion_seconds.mean, 2), fixed(r.completion_seconds.mean_error, 2),
      fixed(r.completion_seconds.p95, 2), fixed(r.limit_seconds, 2), ratioText(r.ratio_to_limit),
      whole(r.pool.max),
      r.pool.stabilised ? `${fixed(r.pool.stabilised_at_s, 0)}${thin}s` : 'never',
      ratioText(r.received_ratio), ratioText(r.upload_download_ratio.mean)]));
    const figures = element(section('Figures'), 'div', 'figures');
    const shown = runs.slice(0, runsShown);
    const each = points => shown.map((r, i) => ({name: names[i], points: points(r), style: i}));
    const known = runs.filter(r => r.completed > 0).map(r => r.completion_seconds);
    const end = (d3.max(known, t => t.max) ?? 1) * 1.04;
    const log = end > 12 * d3.min(known, t => t.p50);
    Charts.lines(Charts.figure(figures, {title: 'How long visitors waited',
      note: `Per cent of all visitors who had their file within a time.${
        cutNote(runs, runsShown, 'runs')}`, wide: true}),
    {x: {label: 'seconds since arrival', log}, y: {label: 'per cent of visitors', min: 0, max: 100},
      series: each(r => cdfOf(r, end)).map(line => ({...line, step: true}))});
    rateChart(figures, runs);
    Charts.lines(Charts.figure(figures, {title: 'Visitors under way',
      note: 'Arrived, and neither complete nor gone, at the end of each second.', wide: true}),
    {x: {label: 'seconds since the start'}, y: {label: 'visitors', min: 0, whole: true},
      series: each(r => r.samples.map(s => [s.at_s, s.pool]))});
    Charts.stacks(Charts.figure(figures, {title: 'What each visitor received',
      note: 'Bytes on the wire of a visitor that completed, mean.', wide: true}),
    {rows: shown.map((r, i) => overheadRow(names[i], r)).filter(r => isNumber(r.values[0])),
      parts: overheadParts, x: {label: 'bytes', format: bytesText,
        ...byteTicks(d3.max(runs, r => r.received_bytes_mean) ?? 1)}});
    footer(runs);
  }

  // Titles, with what tells namesakes apart.
  function namesOf(runs) {
    const twice = run => runs.filter(r => titleOf(r) === titleOf(run));
    return runs.map((r) => {
      const same = twice(r);
      if (same.length < 2) return titleOf(r);
      const more = [];
      const differs = of => same.some(o => of(o) !== of(r));
      if (differs(o => o.profile)) more.push(r.profile);
      if (differs(o => o.mode)) more.push(r.mode);
      if (differs(o => o.scenario.arrivals.rate_per_second)) {
        more.push(`${r.scenario.arrivals.rate_per_second}/s`);
      }
      if (differs(o => o.seed)) more.push(`seed ${r.seed}`);
      return more.length > 0 ? `${titleOf(r)} (${more.join(', ')})`
        : `${titleOf(r)} (${runs.indexOf(r) + 1})`;
    });
  }

  // Runs that differ in their rate of arrivals, as lines of those that are otherwise alike.
  function rateChart(parent, runs) {
    const of = r => r.scenario.arrivals.rate_per_second;
    const able = runs.filter(r => isNumber(of(r)) && r.completed > 0);
    if (new Set(able.map(of)).size < 2) return;
    const size = r => (r.scenario.content.sizes_bytes ?? []).map(bytesText).join(', ') || 'site';
    const groups = d3.nest().key(r => `${r.profile}, ${size(r)}, `
      + `${rateText(r.scenario.seeder.up_bits_per_second)}`).entries(able);
    // Several of one rate, such as other seeds, count as their mean.
    const lineOf = (values, y) => d3.nest().key(of).rollup(same => d3.mean(same, y)).entries(values)
      .map(e => [Number(e.key), e.value]).sort((a, b) => a[0] - b[0]);
    const series = groups.map((g, i) => ({name: g.key, style: i, markers: true,
      points: lineOf(g.values, r => r.completion_seconds.mean)}));
    series.push({name: 'limit', style: 6, points: lineOf(groups[0].values, r => r.limit_seconds)});
    Charts.lines(Charts.figure(parent, {title: 'Mean wait by rate of arrivals',
      note: 'Of those who completed. Both axes are logarithmic.', wide: true}),
    {x: {label: 'arrivals a second', log: true,
      ticks: [...new Set(able.map(of))].sort(d3.ascending)},
      y: {label: 'seconds', log: true}, series});
  }

  // ---- start ---------------------------------------------------------------------------------

  function footer(runs) {
    const out = element(main, 'footer');
    const versions = [...new Set(runs.map(r => r.version))];
    element(out, 'p', '', `Made by fbload ${versions.join(', ')} of Flashback. Times count from `
      + 'the instant at which a visitor was to come. The physical limit is the time that the lines '
      + 'and distances alone would take; docs/report.md defines it and every other figure. '
      + (runs.some(r => r.mode === 'virtual')
        ? 'A simulated run repeats to the byte from its scenario and seed.' : ''));
  }

  let data;
  try {
    data = JSON.parse(document.getElementById('result').textContent);
  } catch (error) {
    element(main, 'p', 'bad-text', `The result in this page cannot be read: ${error.message}`);
    throw error;
  }
  if (Array.isArray(data.runs)) showRuns(data.runs, data.title || 'Runs of Flashback');
  else showRun(data);
})();
