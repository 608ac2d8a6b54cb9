"use strict";
const explorer = (() => {
  const MOST = { rows: 6, columns: 6, colour: 14, x: 40 }; // values that are drawn
  const PAGE = 100; // rows of the table
  const DASHES = ["", "6 3", "2 3"];

  // Runs that have the chosen code of every axis (-1: any) and all words in their texts.
  function matching(data, chosen, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (run) =>
      data.axes.every((axis, i) => chosen[i] < 0 || axis.codes[run] === chosen[i]);
    const says = (run) => {
      const own = data.axes.map((axis) => axis.values[axis.codes[run]]);
      const all = [data.ids[run], ...own].join(" ").toLowerCase();
      return words.every((word) => all.includes(word));
    };
    return data.ids.map((_, run) => run).filter((run) => fits(run) && says(run));
  }

  // Runs by a column of the table; those without a number come last.
  function ordered(data, runs, column, down) {
    const axes = data.axes.length;
    const key = (run) => {
      if (column === 0) return data.ids[run];
      if (column <= axes) return data.axes[column - 1].codes[run];
      const value = data.measures[column - 1 - axes].values[run];
      return value ? value[0] : null;
    };
    const sign = down ? -1 : 1;
    return [...runs].sort((a, b) => {
      const [one, other] = [key(a), key(b)];
      if (one === other) return a - b;
      if (one === null || other === null) return one === null ? 1 : -1;
      return one < other ? -sign : sign;
    });
  }

  // Mean and 95 % interval (Student t) of the runs at one place. The seed is the unit:
  // runs of one seed are averaged. A single run has its own interval.
  function estimate(data, runs, measure) {
    const values = data.measures[measure].values;
    const known = runs.filter((run) => values[run]);
    if (!known.length) return null;
    if (known.length === 1) {
      const [mean, low = null, high = null] = values[known[0]];
      return { mean, low, high, runs: 1, seeds: 1 };
    }
    const bySeed = new Map();
    for (const run of known) {
      const seed = data.seed < 0 ? 0 : data.axes[data.seed].codes[run];
      bySeed.set(seed, [...(bySeed.get(seed) || []), values[run][0]]);
    }
    const average = (list) => list.reduce((a, b) => a + b, 0) / list.length;
    const means = [...bySeed.values()].map(average);
    const mean = average(means);
    const n = means.length;
    if (n === 1) return { mean, low: null, high: null, runs: known.length, seeds: 1 };
    const spread = means.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
    const t = n - 1 < data.t.length ? data.t[n - 1] : data.t[0];
    const half = t * Math.sqrt(spread / n);
    return { mean, low: mean - half, high: mean + half, runs: known.length, seeds: n };
  }

  // Runs by their code on an axis, in order: [[code, runs], ...]; axis -1 does not part.
  function grouped(data, runs, axis) {
    if (axis < 0) return [[-1, runs]];
    const groups = new Map();
    for (const run of runs) {
      const code = data.axes[axis].codes[run];
      if (!groups.has(code)) groups.set(code, []);
      groups.get(code).push(run);
    }
    return [...groups.entries()].sort((a, b) => a[0] - b[0]);
  }

  // Panels [{row, column, lines: [{colour, points: [{x, mean, low, high}]}]}].
  function panels(data, runs, view) {
    const parts = (own, place) =>
      grouped(data, own, view[place]).filter(([code]) => view.kept[place].includes(code));
    return parts(runs, "rows").flatMap(([row, across]) =>
      parts(across, "columns").map(([column, own]) => ({
        row,
        column,
        lines: parts(own, "colour").map(([colour, line]) => ({
          colour,
          points: parts(line, "x")
            .map(([x, at]) => ({ x, ...estimate(data, at, view.measure) }))
            .filter((point) => point.mean !== undefined),
        })),
      })),
    );
  }

  // The first values of each place that are drawn, and how many there are.
  function kept(data, runs, view) {
    const codes = (place) => grouped(data, runs, view[place]).map(([code]) => code);
    const all = Object.fromEntries(Object.keys(MOST).map((p) => [p, codes(p)]));
    const cut = Object.keys(MOST).filter((p) => all[p].length > MOST[p]);
    const first = Object.keys(MOST).map((p) => [p, all[p].slice(0, MOST[p])]);
    return { kept: Object.fromEntries(first), cut, all };
  }

  // Settings that differ among runs at one place, so that they are averaged.
  function averaged(data, runs, view) {
    const used = Object.keys(MOST).map((place) => view[place]);
    const varies = (axis) => new Set(runs.map((run) => axis.codes[run])).size > 1;
    return data.axes
      .slice(0, data.settings)
      .filter((axis, i) => !used.includes(i) && varies(axis))
      .map((axis) => axis.label);
  }

  function shown(data, measure, value) {
    const share = value / data.scale;
    return data.measures[measure].percent
      ? `${(100 * share).toFixed(1)}\u00a0%`
      : share.toFixed(3);
  }

  // Round numbers between two bounds, three to eight.
  function ticks(low, high) {
    const rough = (high - low) / 3;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [5, 2.5, 2, 1].map((n) => n * power).find((size) => size <= rough);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
    return found;
  }

  function start(document, data) {
    const find = (id) => document.getElementById(id);
    const make = (parent, tag, attributes = {}, text = "") => {
      const space = ["svg", "g", "line", "path", "circle", "text", "title"];
      const node = space.includes(tag)
        ? document.createElementNS("http://www.w3.org/2000/svg", tag)
        : document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) {
        node.setAttribute(name, value);
      }
      if (text) node.textContent = text;
      parent.append(node);
      return node;
    };
    const state = { sort: null, down: false, page: 0 };
    const options = (id) => [...find(id).querySelectorAll("select")];
    const headings = [
      "Run",
      ...data.axes.map((axis) => axis.label),
      ...data.measures.map((measure) => measure.label),
    ];

    function found() {
      const chosen = data.axes.map(() => -1);
      for (const one of options("axes")) chosen[+one.dataset.axis] = +one.value;
      return matching(data, chosen, find("words").value);
    }

    function drawTable(runs) {
      const all = state.sort === null ? runs : ordered(data, runs, state.sort, state.down);
      const pages = Math.max(1, Math.ceil(all.length / PAGE));
      state.page = Math.min(state.page, pages - 1);
      const from = state.page * PAGE;
      const body = find("rows");
      body.replaceChildren();
      for (const run of all.slice(from, from + PAGE)) {
        const row = make(body, "tr");
        const head = make(row, "th", { scope: "row" });
        const own = find(`run-${data.ids[run]}`);
        if (own) make(head, "a", { href: `#run-${data.ids[run]}` }, data.ids[run]);
        else head.textContent = data.ids[run];
        data.axes.forEach((axis, i) => {
          const value = axis.values[axis.codes[run]];
          const level = i >= data.settings && i !== data.seed;
          const badge = { class: `badge ${value.replaceAll(" ", "-")}` };
          if (level) make(make(row, "td"), "span", badge, value);
          else make(row, "td", {}, value);
        });
        data.measures.forEach((one, i) => {
          const value = one.values[run];
          const cell = make(row, "td", {}, value ? shown(data, i, value[0]) : "-");
          if (value.length > 1) {
            const bare = (number) => shown(data, i, number).replace(/\u00a0.$/, "");
            const [low, high] = [value[1], value[2]].map(bare);
            make(cell, "small", {}, `${low} to ${high}`);
          }
        });
      }
      const last = Math.min(from + PAGE, all.length);
      find("count").textContent = all.length
        ? `Runs ${from + 1} to ${last} of ${all.length}` +
          (all.length < data.ids.length ? ` (of ${data.ids.length} in all)` : "")
        : "No run fits the filter.";
      find("before").disabled = state.page === 0;
      find("after").disabled = state.page === pages - 1;
      find("heads").querySelectorAll("th").forEach((head, i) => {
        const sorted = state.down ? "descending" : "ascending";
        head.setAttribute("aria-sort", i === state.sort ? sorted : "none");
      });
    }

    function drawPlots(runs) {
      const view = Object.fromEntries(
        options("places").map((one) => [one.dataset.place, +one.value]),
      );
      const parts = kept(data, runs, view);
      view.kept = parts.kept;
      const all = panels(data, runs, view);
      const bounds = all.flatMap((panel) =>
        panel.lines.flatMap((line) =>
          line.points.flatMap((p) => [p.mean, p.low ?? p.mean, p.high ?? p.mean]),
        ),
      );
      const inside = (value) => Math.min(Math.max(value, 0), data.scale);
      const [least, most] = [Math.min(...bounds), Math.max(...bounds)].map(inside);
      const room = Math.max((most - least) * 0.06, data.scale / 500);
      const range = [least - room, most + room];
      const box = find("panels");
      box.replaceChildren();
      box.style.setProperty("--columns", Math.max(view.kept.columns.length, 1));
      const name = (axis, code) => `${data.axes[axis].label} ${data.axes[axis].values[code]}`;
      for (const row of view.kept.rows) {
        for (const column of view.kept.columns) {
          const panel = all.find((one) => one.row === row && one.column === column);
          const title = [
            view.rows < 0 ? "" : name(view.rows, row),
            view.columns < 0 ? "" : name(view.columns, column),
          ].filter(Boolean);
          const figure = make(box, "figure");
          make(figure, "figcaption", {}, title.join(", "));
          if (panel) drawPanel(figure, panel, view, range, title.join(", "));
          else make(figure, "p", { class: "absent" }, "no runs");
        }
      }
      drawLegend(view);
      const words = averaged(data, runs, view);
      const notes = ["Points are means over seeds, bars 95 % intervals (Student t); of a single run its own."];
      if (words.length) notes.push(`Averaged within a seed over: ${words.join(", ")}.`);
      for (const place of parts.cut) {
        const size = parts.all[place].length;
        notes.push(`The first ${MOST[place]} of ${size} values of ${data.axes[view[place]].label}.`);
      }
      find("notes").textContent = bounds.length ? notes.join(" ") : "Nothing to draw.";
    }

    function style(i) {
      const colour = data.colours[i % (data.colours.length - 1)];
      const dash = DASHES[Math.floor(i / (data.colours.length - 1)) % DASHES.length];
      return { stroke: colour, fill: colour, "stroke-dasharray": dash };
    }

    function drawLegend(view) {
      const list = find("legend");
      list.replaceChildren();
      if (view.colour < 0) return;
      view.kept.colour.forEach((code, i) => {
        const item = make(list, "li");
        const swatch = make(item, "svg", { width: 26, height: 10, "aria-hidden": "true" });
        make(swatch, "line", { x1: 1, x2: 25, y1: 5, y2: 5, "stroke-width": 2, ...style(i) });
        make(swatch, "circle", { cx: 13, cy: 5, r: 3, ...style(i), "stroke-dasharray": "" });
        item.append(` ${data.axes[view.colour].values[code]}`);
      });
    }

    function drawPanel(parent, panel, view, [low, high], title) {
      const [left, right, top, bottom] = [52, 292, 8, 150];
      const label = `${data.measures[view.measure].label}, ${title}`;
      const places = view.kept.x;
      const names = places.map((code) => (code < 0 ? "" : data.axes[view.x].values[code]));
      const svg = make(parent, "svg", { viewBox: `0 0 300 ${names.some((one) => one.length > 6) ? 196 : 186}`, role: "img", "aria-label": label });
      const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
      const x = (code, shift) =>
        left + ((places.indexOf(code) + 0.5 + shift) * (right - left)) / places.length;
      for (const tick of ticks(low, high)) {
        make(svg, "line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) });
        make(svg, "text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, shown(data, view.measure, tick));
      }
      make(svg, "line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom });
      const longest = Math.max(...names.map((one) => one.length), 1);
      const every = Math.ceil((places.length * Math.min(longest, 12) * 6.4) / (right - left) / (longest > 6 ? 2.2 : 1));
      const slanted = longest > 6;
      places.forEach((code, i) => {
        if (i % every) return;
        const short = names[i].length > 14 ? `${names[i].slice(0, 13)}\u2026` : names[i];
        const at = x(code, 0);
        const turned = slanted ? { transform: `rotate(-22 ${at} ${bottom + 14})`, "text-anchor": "end" } : { "text-anchor": "middle" };
        make(svg, "text", { x: at, y: bottom + 14, ...turned }, short);
      });
      if (view.x >= 0) make(svg, "text", { x: (left + right) / 2, y: slanted ? 193 : 182, "text-anchor": "middle" }, data.axes[view.x].label);
      panel.lines.forEach((line) => {
        const i = view.kept.colour.indexOf(line.colour);
        const count = view.kept.colour.length;
        const shift = count > 1 ? ((i + 0.5) / count - 0.5) * 0.4 : 0;
        const marks = make(svg, "g", style(i));
        const path = line.points.map((p, k) => `${k ? "L" : "M"}${x(p.x, shift)} ${y(p.mean)}`);
        make(marks, "path", { d: path.join(""), fill: "none", "stroke-width": 1.6 });
        for (const p of line.points) {
          const at = x(p.x, shift);
          if (p.low !== null) {
            const [from, to] = [p.low, p.high].map((v) => Math.min(Math.max(y(v), top), bottom));
            make(marks, "line", { x1: at, x2: at, y1: from, y2: to, "stroke-dasharray": "", "stroke-width": 1.2 });
          }
          const dot = make(marks, "circle", { cx: at, cy: y(p.mean), r: 2.8, "stroke-dasharray": "" });
          const interval = p.low === null ? "" : ` (${shown(data, view.measure, p.low)} to ${shown(data, view.measure, p.high)})`;
          make(dot, "title", {}, `${shown(data, view.measure, p.mean)}${interval}, ${p.runs} runs, ${p.seeds} seeds`);
        }
      });
    }

    function draw() {
      const runs = found();
      drawPlots(runs);
      drawTable(runs);
    }

    function choice(parent, text, values, picked, place) {
      const label = make(parent, "label", {}, text);
      const select = make(label, "select", place);
      values.forEach(([value, name]) => make(select, "option", { value }, name));
      select.value = String(picked);
      select.addEventListener("change", () => {
        state.page = 0;
        draw();
      });
    }

    data.axes.forEach((axis, i) => {
      if (axis.values.length < 2 || axis.values.length > 60) return;
      const values = axis.values.map((value, code) => [code, value]);
      choice(find("axes"), axis.label, [[-1, "all"], ...values], -1, { "data-axis": i });
    });
    const measures = data.measures.map((one, i) => [i, one.label]);
    choice(find("places"), "quantity", measures, 0, { "data-place": "measure" });
    const axes = data.axes.map((axis, i) => [i, axis.label]);
    const none = [[-1, "none"], ...axes];
    choice(find("places"), "along x", axes, data.start.x, { "data-place": "x" });
    for (const place of ["colour", "columns", "rows"]) {
      choice(find("places"), place, none, data.start[place], { "data-place": place });
    }
    headings.forEach((text, i) => {
      const head = make(find("heads"), "th", { scope: "col" });
      make(head, "button", { type: "button" }, text).addEventListener("click", () => {
        state.down = state.sort === i ? !state.down : i > data.axes.length;
        state.sort = i;
        state.page = 0;
        draw();
      });
    });
    find("words").addEventListener("input", () => {
      state.page = 0;
      draw();
    });
    for (const [id, step] of [["before", -1], ["after", 1]]) {
      find(id).addEventListener("click", () => {
        state.page += step;
        drawTable(found());
      });
    }
    find("explorer").hidden = find("explorer-table").hidden = false;
    find("static-table").hidden = true;
    draw();
  }

  return { matching, ordered, estimate, panels, kept, averaged, ticks, start };
})();
if (typeof module !== "undefined") module.exports = explorer;
else explorer.start(document, JSON.parse(document.getElementById("runs").textContent));
