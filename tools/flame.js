// Draws the stacks of a page made by tools/flame: the outermost frame at the bottom, frames as wide
// as the processor time that was spent in them and in what they called.
const line = 19;

function read(text) {
  const root = {name: 'all', children: new Map(), self: 0, kinds: {}};
  for (const row of text.replaceAll('&lt;', '<').trim().split('\n')) {
    const [kind, weight, stack] = row.split('\t');
    if (!stack) continue;
    let at = root;
    for (const name of ['', ...stack.split(';')]) {
      if (name !== '') {
        if (!at.children.has(name)) at.children.set(name, {name, children: new Map(), self: 0, kinds: {}});
        at = at.children.get(name);
      }
      at.kinds[kind] = (at.kinds[kind] ?? 0) + Number(weight);
    }
    at.self += Number(weight);
  }
  return root;
}

function draw(graph) {
  const data = read(document.getElementById(graph.dataset.stacks).textContent);
  const root = d3.hierarchy(data, node => [...node.children.values()])
    .sum(node => node.self)
    .sort((a, b) => d3.ascending(a.data.name, b.data.name));
  d3.partition()(root);
  const share = d3.format('.1%');
  const show = focus => {
    const scale = d3.scaleLinear([focus.x0, focus.x1], [0, 100]);
    const seen = root.descendants().filter(node =>
      node.x1 > focus.x0 && node.x0 < focus.x1 && (node.x1 - node.x0) / (focus.x1 - focus.x0) > 0.0005);
    const height = d3.max(seen, node => node.depth) + 1;
    graph.style.height = height * line + 'px';
    d3.select(graph).selectAll('div').data(seen).join('div')
      .style('left', node => Math.max(0, scale(node.x0)) + '%')
      .style('width', node => Math.min(100, scale(node.x1)) - Math.max(0, scale(node.x0)) + '%')
      .style('top', node => (height - 1 - node.depth) * line + 'px')
      .attr('class', node => d3.greatest(Object.entries(node.data.kinds), d => d[1])?.[0] ?? 'rest')
      .text(node => node.data.name)
      .attr('title', node => `${node.data.name}: ${share(node.value / root.value)}`)
      .on('click', node => show(node));
  };
  show(root);
}

document.querySelectorAll('.graph').forEach(draw);
