// Charts for reports: plain SVG by d3, at home on a screen of any width, in the dark, and on paper.
//
//   Charts.lines(figure(...), {x, y, series, marks})    lines, steps or points on two axes
//   Charts.bars(figure(...), {...}), Charts.stacks(...), Charts.boxes(...), Charts.histogram(...)
//
// An axis is {label, log, min, max, format}. A series is {name, points: [[x, y], …], step, style}:
// a y of null is a gap; style counts from 0 and decides colour, dash and marker together, so that a
// line can be told apart without its colour; `bare` draws its points alone, with `cross` as
// crosses, and the legend leaves out what is `quiet`. A mark is {axis: 'x' | 'y', value, label}.
//
// Every chart is drawn for the width that its figure has, again when that changes, and for the
// width of a column on A4 when the page is printed. Strings only ever become text nodes.
'use strict';

const Charts = (() => {
  const paperWidth = 326;  // of one of two columns on A4, in CSS pixels
  const dashes = ['', '7 3', '2 3', '9 3 2 3', '4 2', '12 4', '1 4', '7 2 2 2 2 2'];
  const symbols = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond,
    d3.symbolCross, d3.symbolStar, d3.symbolWye, d3.symbolCircle];
  const styles = dashes.length;
  const charts = [];
  let patternCount = 0;

  const colour = style => `var(--s${style % styles})`;
  // A second round of colours has the next dash, so that no two of 64 series look alike.
  const dash = style => dashes[(style + Math.floor(style / styles)) % styles];

  // ---- figures -------------------------------------------------------------------------------

  // A figure with its title and the sentence that says what it shows; charts draw into `.plot`.
  function figure(parent, {title, note, wide}) {
    const out = d3.select(parent).append('figure').classed('wide', Boolean(wide));
    out.append('h3').text(title);
    out.append('div').attr('class', 'plot');
    if (note) out.append('figcaption').text(note);
    return out.node();
  }

  // Says why there is no chart.
  function empty(figure, sentence) {
    d3.select(figure).select('.plot').append('div').attr('class', 'empty').text(sentence);
  }

  function add(figure, draw) {
    const plot = figure.querySelector('.plot');
    const wide = figure.classList.contains('wide');
    const chart = {
      width: 0,
      draw(width) {
        const rounded = Math.max(240, Math.round(width));
        if (rounded === chart.width) return;
        chart.width = rounded;
        plot.replaceChildren();
        draw(d3.select(plot), rounded);
      },
      screen() { chart.draw(plot.clientWidth || 520); },
      paper() { chart.draw(wide ? paperWidth * 2 + 26 : paperWidth); },
    };
    charts.push(chart);
    chart.screen();
  }
  let printing = false;
  addEventListener('resize', () => { if (!printing) charts.forEach(c => c.screen()); });
  addEventListener('beforeprint', () => { printing = true; charts.forEach(c => c.paper()); });
  addEventListener('afterprint', () => { printing = false; charts.forEach(c => c.screen()); });

  function canvas(plot, width, height, label) {
    return plot.append('svg').attr('viewBox', `0 0 ${width} ${height}`).attr('role', 'img')
      .attr('aria-label', label);
  }

  // How wide a text will be; good enough to keep labels apart.
  const textWidth = (text, size = 12) => String(text).length * size * 0.58;

  // `text`, or as much of it as fits.
  function cut(text, width) {
    const letters = Math.max(3, Math.floor(width / (12 * 0.58)));
    const all = [...String(text)];
    return all.length <= letters ? all.join('') : all.slice(0, letters - 1).join('') + '…';
  }

  // ---- scales and axes -----------------------------------------------------------------------

  function extent(values) {
    const known = values.filter(v => v !== null && Number.isFinite(v));
    return known.length > 0 ? [d3.min(known), d3.max(known)] : [0, 1];
  }

  function scaleOf(axis, values, range) {
    let [low, high] = extent(axis.log ? values.filter(v => v > 0) : values);
    if (axis.log) {
      low = axis.min ?? low;
      high = axis.max ?? high;
      if (!(low > 0)) low = high > 0 ? high / 10 : 0.1;
      if (axis.min === undefined && high > low) low /= Math.pow(high / low, 0.03);
      if (axis.max === undefined && high > low) high *= Math.pow(high / low, 0.03);
      if (!(high > low)) { low /= 1.5; high = low * 2.25; }
      return d3.scaleLog().domain([low, high]).range(range).clamp(true);
    }
    low = axis.min ?? Math.min(0, low);
    high = axis.max ?? high;
    if (!(high > low)) high = low + 1;
    const scale = d3.scaleLinear().domain([low, high]).range(range);
    return axis.max === undefined ? scale.nice(4) : scale;
  }

  // Round values; on a logarithmic axis 1, 2 and 5 of each decade, or fewer or evenly spaced ones,
  // so that there are some and they do not touch.
  function ticksOf(scale, axis, count) {
    const [low, high] = scale.domain();
    if (axis.ticks) return axis.ticks.filter(t => t >= low && t <= high);
    if (!axis.log) {
      const ticks = scale.ticks(count);
      return axis.whole ? ticks.filter(Number.isInteger) : ticks;
    }
    const decades = [];
    const last = Math.ceil(Math.log10(high));
    for (let e = Math.floor(Math.log10(low)); e <= last; ++e) decades.push(e);
    for (const digits of [[1, 2, 5], [1, 3], [1]]) {
      const ticks = decades.flatMap(e => digits.map(d => Number(`${d}e${e}`)))
        .filter(t => t >= low * 0.9999 && t <= high * 1.0001);
      if (ticks.length < 3) break;
      if (ticks.length <= count + 1) return ticks;
    }
    const even = d3.ticks(low, high, Math.max(3, count - 1)).filter(t => t >= low && t <= high);
    if (high / low < 30) {
      // Evenly spaced values crowd at the upper end; keep those that stand apart.
      const apart = Math.abs(scale.range()[1] - scale.range()[0]) / (count + 1) * 0.7;
      const out = [];
      for (const t of even) {
        const before = out[out.length - 1];
        if (before === undefined || Math.abs(scale(t) - scale(before)) >= apart) out.push(t);
      }
      return out;
    }
    const step = Math.ceil(decades.length / Math.max(2, count));
    return decades.filter((e, i) => i % step === 0).map(e => Number(`1e${e}`))
      .filter(t => t >= low * 0.9999 && t <= high * 1.0001);
  }

  // "0.05", "1.5", "20", "1,000", "2 M": as short as the neighbours allow.
  function plain(value) {
    if (value === 0) return '0';
    const size = Math.abs(value);
    if (size >= 1e6) return `${d3.format('.3~r')(value / 1e6)}\u202fM`;
    if (size >= 1000) return d3.format(',.0f')(value);
    return d3.format('.3~r')(value);
  }

  function xAxis(svg, scale, axis, box) {
    const format = axis.format ?? plain;
    const widest = d3.max(ticksOf(scale, axis, 8), t => textWidth(format(t))) ?? 10;
    const apart = Math.max(62, widest + 18);
    const room = Math.max(2, Math.floor((box.right - box.left) / apart));
    let ticks = ticksOf(scale, axis, Math.min(7, room));
    if (axis.ticks) {
      ticks = ticks.reduce((kept, t) => (kept.length > 0
        && scale(t) - scale(kept[kept.length - 1]) < widest + 10 ? kept : kept.concat([t])), []);
    }
    const g = svg.append('g').attr('class', 'axis');
    g.append('line').attr('x1', box.left).attr('x2', box.right)
      .attr('y1', box.bottom).attr('y2', box.bottom);
    for (const tick of ticks) {
      const x = scale(tick);
      g.append('line').attr('x1', x).attr('x2', x).attr('y1', box.bottom)
        .attr('y2', box.bottom + 5);
      g.append('text').attr('x', x).attr('y', box.bottom + 18).attr('text-anchor', 'middle')
        .text(format(tick));
    }
    g.append('text').attr('class', 'soft-text').attr('x', (box.left + box.right) / 2)
      .attr('y', box.bottom + 36).attr('text-anchor', 'middle').text(axis.label);
    return ticks;
  }

  function yAxis(svg, scale, axis, ticks, box) {
    const format = axis.format ?? plain;
    const grid = svg.append('g').attr('class', 'grid');
    const g = svg.append('g').attr('class', 'axis');
    for (const tick of ticks) {
      const y = scale(tick);
      grid.append('line').attr('x1', box.left).attr('x2', box.right).attr('y1', y).attr('y2', y);
      g.append('text').attr('x', box.left - 8).attr('y', y).attr('dy', '0.35em')
        .attr('text-anchor', 'end').text(format(tick));
    }
    // Above the axis and level, where it can be read without turning the page.
    g.append('text').attr('class', 'soft-text').attr('x', 0).attr('y', 12).text(axis.label);
  }

  // The place of the plot, when the ticks of y need so much room.
  function boxOf(width, height, ticks, format) {
    const left = Math.max(30, 14 + (d3.max(ticks, t => textWidth(format(t))) ?? 0));
    return {left, right: width - 14, top: 26, bottom: height - 44};
  }

  // ---- legend --------------------------------------------------------------------------------

  const symbolPath = (type, size) => d3.symbol().type(type).size(size)();
  const markerPath = (style, size = 34) => symbolPath(symbols[style % styles], size);
  const crossPath = 'M-4.5,-4.5L4.5,4.5M4.5,-4.5L-4.5,4.5';

  function lineSample(svg, {style, markers, bare, cross}) {
    if (!bare) {
      svg.append('line').attr('x1', 0).attr('x2', 30).attr('y1', 7).attr('y2', 7)
        .attr('stroke', colour(style)).attr('stroke-width', 2)
        .attr('stroke-dasharray', dash(style));
    }
    if (markers || bare) {
      svg.append('path').attr('class', cross ? 'cross' : 'outline')
        .attr('d', cross ? crossPath : markerPath(style)).attr('transform', 'translate(15,7)')
        .attr('stroke', colour(style));
    }
  }

  function legend(plot, entries, sample) {
    const list = plot.append('ul').attr('class', 'legend');
    entries.forEach((entry, i) => {
      const item = list.append('li');
      sample(item.append('svg').attr('viewBox', '0 0 30 14').attr('aria-hidden', 'true'), entry, i);
      item.append('span').text(entry.name);
    });
  }

  // ---- lines ---------------------------------------------------------------------------------

  // More points than pixels say nothing; the largest of each bucket stays, and both ends.
  function thinned(points, limit = 600) {
    if (points.length <= limit) return points;
    const bucket = Math.ceil(points.length / limit);
    const out = [points[0]];
    for (let i = 1; i < points.length - 1; i += bucket) {
      const part = points.slice(i, Math.min(i + bucket, points.length - 1));
      out.push(part.reduce((a, b) => ((b[1] ?? -Infinity) > (a[1] ?? -Infinity) ? b : a)));
    }
    return out.concat([points[points.length - 1]]);
  }

  function drawMarks(svg, marks, x, y, box) {
    const g = svg.append('g').attr('class', 'mark');
    const taken = [];
    for (const mark of marks) {
      const scale = mark.axis === 'x' ? x : y;
      const at = scale(mark.value);
      const [low, high] = scale.domain();
      if (!Number.isFinite(at) || mark.value < low || mark.value > high) continue;
      const text = g.append('text').attr('class', 'halo').text(mark.label);
      if (mark.axis === 'y') {
        g.insert('line', 'text').attr('x1', box.left).attr('x2', box.right).attr('y1', at)
          .attr('y2', at);
        text.attr('x', box.right).attr('y', at - 6).attr('text-anchor', 'end');
        continue;
      }
      g.insert('line', 'text').attr('x1', at).attr('x2', at).attr('y1', box.top)
        .attr('y2', box.bottom);
      const size = textWidth(mark.label);
      const fitsLeft = at - 6 - size > box.left;
      const left = fitsLeft && (mark.left || at + 6 + size > box.right);
      const span = left ? [at - 14 - size, at + 2] : [at - 2, at + 14 + size];
      let row = 0;
      while (taken.some(t => t.row === row && t.span[0] < span[1] && span[0] < t.span[1])) ++row;
      taken.push({row, span});
      text.attr('x', left ? at - 6 : at + 6).attr('y', box.top + 12 + row * 16)
        .attr('text-anchor', left ? 'end' : 'start');
    }
  }

  function lines(figure, {x, y, series, marks = [], height = 270}) {
    const shown = series.map((s, i) => ({...s, style: s.style ?? i, points: thinned(s.points)}))
      .filter(s => s.points.some(p => p[1] !== null));
    if (shown.length === 0) return empty(figure, 'Nothing to show: there is no value.');
    add(figure, (plot, width) => {
      const tall = figure.classList.contains('wide') ? height + 60 : height;
      const svg = canvas(plot, width, tall, `${y.label} against ${x.label}`);
      const ys = shown.flatMap(s => s.points.map(p => p[1]));
      const xs = shown.flatMap(s => s.points.map(p => p[0]));
      const of = axis => marks.filter(m => m.axis === axis && m.fit !== false).map(m => m.value);
      const yScale = scaleOf(y, ys.concat(of('y')), [tall - 44, 26]);
      const yTicks = ticksOf(yScale, y, 5);
      const box = boxOf(width, tall, yTicks, y.format ?? plain);
      const xScale = scaleOf(x, xs.concat(of('x')), [box.left, box.right]);
      yAxis(svg, yScale, y, yTicks, box);
      xAxis(svg, xScale, x, box);
      const known = p => p[1] !== null && (!y.log || p[1] > 0) && (!x.log || p[0] > 0);
      for (const s of shown) {
        if (!s.bare) {
          svg.append('path').attr('class', 'series').attr('stroke', colour(s.style))
            .attr('stroke-dasharray', dash(s.style))
            .attr('d', d3.line().defined(known).x(p => xScale(p[0])).y(p => yScale(p[1]))
              .curve(s.step ? d3.curveStepAfter : d3.curveLinear)(s.points));
        }
        const alone = s.points.filter(known).length === 1;
        if (!s.markers && !s.bare && !alone) continue;
        for (const p of s.points.filter(known)) {
          svg.append('path').attr('class', s.cross ? 'cross' : 'outline')
            .attr('d', s.cross ? crossPath : markerPath(s.style, 40))
            .attr('transform', `translate(${xScale(p[0])},${yScale(p[1])})`)
            .attr('stroke', colour(s.style))
            .append('title').text(s.cross ? s.name : `${s.name}: ${(y.format ?? plain)(p[1])}`);
        }
      }
      drawMarks(svg, marks, xScale, yScale, box);
      const told = shown.filter(s => !s.quiet);
      if (told.length > 1 || told[0]?.always) {
        legend(plot, told, (sample, s) => lineSample(sample, s));
      }
    });
  }

  // ---- bars, stacks, boxes, histogram ----------------------------------------------------------

  // Hatchings, one a style, so that areas differ on a black and white print.
  function fillOf(svg, style) {
    if (style % 4 === 0) return colour(style);
    const id = `hatch-${++patternCount}`;
    const pattern = svg.append('pattern').attr('id', id).attr('width', 7).attr('height', 7)
      .attr('patternUnits', 'userSpaceOnUse')
      .attr('patternTransform', `rotate(${[0, 45, 135, 0][style % 4]})`);
    pattern.append('rect').attr('width', 7).attr('height', 7).attr('fill', colour(style))
      .attr('opacity', 0.28);
    pattern.append('rect').attr('width', style % 4 === 3 ? 7 : 2.4)
      .attr('height', style % 4 === 3 ? 1.6 : 7).attr('fill', colour(style));
    return `url(#${id})`;
  }

  const nameRoom = (rows, width) =>
    Math.min(width * 0.42, 12 + (d3.max(rows, r => textWidth(r.name)) ?? 0));

  // rows: [{name, value, style}]; a horizontal bar each, with its value written out.
  function bars(figure, {rows, format = plain, label}) {
    if (rows.length === 0) return empty(figure, 'Nothing to show: all are zero.');
    add(figure, (plot, width) => {
      const step = 24;
      const svg = canvas(plot, width, rows.length * step + 10, label);
      const left = nameRoom(rows, width);
      const valueRoom = 12 + d3.max(rows, r => textWidth(format(r.value)));
      const scale = d3.scaleLinear().domain([0, d3.max(rows, r => r.value) || 1])
        .range([0, width - left - valueRoom]);
      rows.forEach((row, i) => {
        const y = 6 + i * step;
        svg.append('text').attr('x', left - 8).attr('y', y + 12).attr('text-anchor', 'end')
          .text(cut(row.name, left - 8)).append('title').text(row.name);
        svg.append('rect').attr('class', 'bar').attr('x', left).attr('y', y)
          .attr('width', Math.max(1.5, scale(row.value))).attr('height', 16)
          .attr('fill', fillOf(svg, row.style ?? 0));
        svg.append('text').attr('x', left + Math.max(1.5, scale(row.value)) + 6).attr('y', y + 12)
          .text(format(row.value));
      });
    });
  }

  // rows: [{name, values: [number]}], parts: [name]; one bar a row, its parts side by side.
  function stacks(figure, {rows, parts, x, marks = []}) {
    if (rows.length === 0) return empty(figure, 'Nothing to show: nobody completed.');
    add(figure, (plot, width) => {
      const step = 34;
      const height = rows.length * step + 26 + 44;
      const svg = canvas(plot, width, height, x.label);
      const box = {left: nameRoom(rows, width), right: width - 16, top: 22, bottom: height - 44};
      const scale = scaleOf(x, rows.map(r => d3.sum(r.values)).concat(marks.map(m => m.value)),
        [box.left, box.right]);
      xAxis(svg, scale, x, box);
      rows.forEach((row, i) => {
        const y = box.top + 8 + i * step;
        svg.append('text').attr('x', box.left - 8).attr('y', y + 15).attr('text-anchor', 'end')
          .text(cut(row.name, box.left - 8)).append('title').text(row.name);
        let sum = 0;
        row.values.forEach((value, part) => {
          svg.append('rect').attr('class', 'bar').attr('x', scale(sum)).attr('y', y)
            .attr('width', Math.max(0, scale(sum + value) - scale(sum))).attr('height', 22)
            .attr('fill', fillOf(svg, part))
            .append('title').text(`${parts[part]}: ${(x.format ?? plain)(value)}`);
          sum += value;
        });
      });
      drawMarks(svg, marks, scale, null, {...box, top: 6});
      legend(plot, parts.map(name => ({name})), (sample, part, i) => sample.append('rect')
        .attr('x', 6).attr('width', 18).attr('height', 14).attr('fill', fillOf(sample, i)));
    });
  }

  // rows: [{name, quantiles: [5, 25, 50, 75, 95 %], mean, limit}]
  function boxes(figure, {rows, x}) {
    if (rows.length === 0) return empty(figure, 'Nothing to show: nobody completed.');
    add(figure, (plot, width) => {
      const step = 34;
      const height = rows.length * step + 10 + 44;
      const svg = canvas(plot, width, height, x.label);
      const box = {left: nameRoom(rows, width), right: width - 16, top: 6, bottom: height - 44};
      const all = rows.flatMap(r => r.quantiles.concat([r.mean, r.limit ?? r.mean]));
      const scale = scaleOf(x, all, [box.left, box.right]);
      const ticks = xAxis(svg, scale, x, box);
      const grid = svg.insert('g', 'g').attr('class', 'grid');
      for (const t of ticks) {
        grid.append('line').attr('x1', scale(t)).attr('x2', scale(t)).attr('y1', box.top)
          .attr('y2', box.bottom);
      }
      rows.forEach((row, i) => {
        const middle = box.top + step * i + step / 2;
        const [low, from, half, to, high] = row.quantiles.map(q => scale(q));
        const g = svg.append('g').attr('stroke', colour(i)).attr('stroke-width', 1.6);
        svg.append('text').attr('x', box.left - 8).attr('y', middle).attr('dy', '0.35em')
          .attr('text-anchor', 'end').text(cut(row.name, box.left - 8))
          .append('title').text(row.name);
        g.append('line').attr('x1', low).attr('x2', high).attr('y1', middle).attr('y2', middle);
        for (const end of [low, high]) {
          g.append('line').attr('x1', end).attr('x2', end).attr('y1', middle - 5)
            .attr('y2', middle + 5);
        }
        g.append('rect').attr('class', 'outline').attr('x', from).attr('y', middle - 9)
          .attr('width', Math.max(1, to - from)).attr('height', 18);
        g.append('line').attr('x1', half).attr('x2', half).attr('y1', middle - 9)
          .attr('y2', middle + 9).attr('stroke-width', 3);
        g.append('path').attr('d', symbolPath(d3.symbolDiamond, 60))
          .attr('transform', `translate(${scale(row.mean)},${middle})`).attr('fill', colour(i))
          .attr('stroke', 'var(--paper)').attr('stroke-width', 1);
        if (row.limit) {
          g.append('line').attr('x1', scale(row.limit)).attr('x2', scale(row.limit))
            .attr('y1', middle - 13).attr('y2', middle + 13).attr('stroke', 'var(--ink)')
            .attr('stroke-dasharray', '1 3').attr('stroke-linecap', 'round');
        }
      });
    });
  }

  // bins: [[from, to, count]], ascending; neighbours are joined until at most `most` are left.
  function histogram(figure, {bins, x, y, marks = [], most = 40}) {
    if (bins.length === 0) return empty(figure, 'Nothing to show: nobody completed.');
    add(figure, (plot, width) => {
      const low = Math.max(bins[0][0], 1e-4);
      const high = Math.max(bins[bins.length - 1][1], low * 1.03);
      // The finest bins are 3 % wide: a whole number of them makes one of ours.
      const fine = Math.max(1, Math.round(Math.log(high / low) / Math.log(1.03)));
      const joined = Math.ceil(fine / Math.min(most, Math.floor(width / 12)));
      const factor = Math.pow(1.03, joined);
      const count = Math.max(1, Math.ceil(fine / joined));
      const counts = new Array(count).fill(0);
      for (const [from, to, visitors] of bins) {
        const middle = Math.log(Math.sqrt(Math.max(from, low) * to) / low) / Math.log(factor);
        counts[Math.min(count - 1, Math.max(0, Math.floor(middle)))] += visitors;
      }
      const height = 270;
      const svg = canvas(plot, width, height, `${y.label} by ${x.label}`);
      // Above the bars there is room for the marks' labels.
      const above = d3.max(counts) * (marks.length > 0 ? 1.15 : 1);
      const yScale = scaleOf(y, counts.concat([above]), [height - 44, 26]);
      const yTicks = ticksOf(yScale, {...y, whole: true}, 5);
      const box = boxOf(width, height, yTicks, y.format ?? plain);
      const axis = {...x, log: true, min: low / 1.03, max: low * Math.pow(factor, count) * 1.03};
      const of = marks.filter(m => m.axis === 'x').map(m => m.value);
      axis.min = Math.min(axis.min, ...of.map(v => v / 1.03));
      axis.max = Math.max(axis.max, ...of.map(v => v * 1.03));
      if (axis.max / axis.min < 1.5) { axis.min /= 1.25; axis.max *= 1.25; }
      const xScale = scaleOf(axis, [], [box.left, box.right]);
      yAxis(svg, yScale, y, yTicks, box);
      counts.forEach((value, i) => {
        if (value === 0) return;
        const from = xScale(low * Math.pow(factor, i));
        const to = xScale(low * Math.pow(factor, i + 1));
        svg.append('rect').attr('class', 'bar').attr('x', from).attr('y', yScale(value))
          .attr('width', Math.max(1, to - from)).attr('height', yScale(0) - yScale(value))
          .attr('fill', colour(0)).append('title').text(plain(value));
      });
      xAxis(svg, xScale, axis, box);
      drawMarks(svg, marks, xScale, yScale, box);
    });
  }

  return {figure, empty, lines, bars, stacks, boxes, histogram, plain, styles};
})();
