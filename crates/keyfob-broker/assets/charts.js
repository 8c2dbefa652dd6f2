// The charts once more, with zoom and hover. The page has them as SVG, and the numbers beside; where anything here fails, the SVG stays.
"use strict";

(() => {
  const figures = [...document.querySelectorAll("figure.plot[data-plot]")];
  const together = window.uPlot && uPlot.sync("page");

  // light-dark() is resolved only where it is used.
  const resolved = (figure, name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    figure.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };
  const faded = (rgb) => rgb.replace(/^rgb\((.*)\)$/, "rgba($1, .12)");
  // Without the dust of binary fractions, and so exact that what is `fine` apart reads differently: as chart.rs has it.
  const decimals = (fine) => (fine > 0 ? Math.min(Math.max(Math.ceil(-Math.log10(fine)), 2), 12) : 2);
  const short = (value, fine) => (value == null ? "–" : value.toFixed(decimals(fine)).replace(/\.?0+$/, "").replace(/^-0$/, "0"));
  const fineness = (values) => {
    const [least, most] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
    return (most > least ? most - least : Math.abs(most)) / 50;
  };
  const moment = (seconds) => new Date(seconds * 1000).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "short" });
  // A day is where it begins in UTC, and the same day wherever somebody looks.
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("sv-SE", { timeZone: "UTC" });

  // A finger that is drawn across chooses what is shown, as a mouse does. What goes up or down scrolls the page (touch-action in the style sheet), and the
  // browser says that it is no longer ours.
  const touch = (plot, show) => {
    let from = null;
    const at = (event) => Math.min(Math.max(event.clientX - plot.over.getBoundingClientRect().left, 0), plot.over.clientWidth);
    const choose = (left, width) => plot.setSelect({ left, width, top: 0, height: width ? plot.over.clientHeight : 0 }, false);
    plot.over.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" && event.isPrimary) from = at(event);
    });
    plot.over.addEventListener("pointermove", (event) => {
      if (from === null || !event.isPrimary) return;
      const to = at(event);
      choose(Math.min(from, to), Math.abs(to - from));
    });
    plot.over.addEventListener("pointerup", (event) => {
      if (from === null || !event.isPrimary) return;
      const [left, right] = [from, at(event)].sort((one, other) => one - other);
      from = null;
      choose(0, 0);
      // Less is a tap.
      if (right - left > 12) show(plot.posToVal(left, "x"), plot.posToVal(right, "x"));
    });
    plot.over.addEventListener("pointercancel", () => { from = null; choose(0, 0); });
  };

  // Once a page, above the first chart.
  const explain = (figure) => {
    const hint = document.createElement("p");
    hint.className = "faint how";
    const can = matchMedia("(hover: hover)");
    const say = () => {
      hint.textContent = can.matches
        ? "Drag across a chart to zoom; double-click for all of it."
        : "Draw a finger across a chart to zoom; Show all brings the rest back.";
    };
    say();
    can.addEventListener("change", say);
    figure.before(hint);
  };

  const draw = (figure) => {
    const data = JSON.parse(figure.dataset.plot);
    if (data.x.length < 2) return null;
    const fine = data.series.map((series) => fineness(series.values.filter((value) => value != null)));
    const [faint, line] = [resolved(figure, "--faint"), resolved(figure, "--line")];
    const dots = [...figure.querySelectorAll(".dot")].map((dot) => getComputedStyle(dot).backgroundColor);
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const picture = document.createElement("div");
    picture.className = "picture";
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", figure.querySelector("svg.wide").getAttribute("aria-label"));
    const hint = document.createElement("p");
    hint.className = "hint";
    const told = document.createElement("span");
    const title = picture.getAttribute("aria-label");
    const button = (name, text, about) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = `quiet ${name}`;
      made.textContent = text;
      if (about) made.setAttribute("aria-label", `${about}: ${title}`);
      return made;
    };
    const [out, closer] = [button("out", "−", "Zoom out"), button("closer", "+", "Zoom in")];
    const all = button("all", "Show all");
    all.hidden = out.disabled = true;
    const zoom = document.createElement("span");
    zoom.className = "zoom";
    zoom.append(out, closer, all);
    hint.append(told, zoom);
    figure.append(picture, hint);

    const narrow = figure.clientWidth < 520;
    const height = () => (narrow ? 220 : 280);
    // On a phone, what the numbers are is said above.
    const sides = narrow ? { size: 44 } : { size: 58, label: data.unit || undefined, labelFont: font, labelSize: data.unit ? 18 : 0 };
    // Times in the person's own way of writing them: hours, and the day where one begins.
    const zone = data.days ? { timeZone: "UTC" } : {};
    const written = (at, options) => new Date(at * 1000).toLocaleString(undefined, { ...options, ...zone });
    const ticks = (_, at, __, ___, step) => at.map((at) => {
      if (!data.time) return short(at, step);
      if (data.days) return written(at, step >= 300 * 86400 ? { month: "short", year: "numeric" } : { day: "numeric", month: "short" });
      if (step >= 300 * 86400) return written(at, { year: "numeric" });
      if (step >= 27 * 86400) return written(at, { month: "short", year: "numeric" });
      const begins = new Date(at * 1000).getHours() === 0 && new Date(at * 1000).getMinutes() === 0;
      if (step >= 86400 || begins) return written(at, { day: "numeric", month: "short" });
      return written(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    });
    // Whole days: between them there is nothing, and none of them begins by the person's clock.
    const days = (_, __, from, to, least) => {
      const [step, places] = [Math.max(1, Math.ceil(least / 86400)) * 86400, []];
      for (let at = Math.ceil(from / step) * step; at <= to; at += step) places.push(at);
      return places;
    };
    const axis = { stroke: faint, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 5 } };
    const ends = [data.x[0], data.x[data.x.length - 1]];
    const plot = new uPlot({
      width: figure.clientWidth,
      height: height(),
      legend: { show: false },
      cursor: { sync: { key: together.key }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: { x: { time: data.time } },
      axes: [{ ...axis, values: ticks, space: 70, size: 34, ...(data.days ? { splits: days } : {}) }, { ...axis, ...sides, values: (_, ticks, __, ___, step) => ticks.map((at) => short(at, step)) }],
      series: [{}].concat(data.series.map((series, at) => ({
        label: series.title,
        stroke: dots[at] || faint,
        width: 2,
        fill: data.series.length === 1 ? faded(dots[at] || faint) : undefined,
        points: { show: false },
        paths: series.switch ? uPlot.paths.stepped({ align: 1 }) : undefined,
      }))),
      hooks: {
        setCursor: [(shown) => {
          const at = shown.cursor.idx;
          if (at == null) { told.textContent = ""; return; }
          const where = data.days ? day(data.x[at]) : data.time ? moment(data.x[at]) : short(data.x[at], fineness(data.x));
          told.textContent = `${where}: ` + data.series.map((series, of) => `${series.title} ${short(series.values[at], fine[of])} ${data.unit}`.trim()).join(", ");
        }],
        setScale: [(shown, key) => {
          if (key === "x") all.hidden = out.disabled = shown.scales.x.min <= ends[0] && shown.scales.x.max >= ends[1];
        }],
      },
    }, [data.x, ...data.series.map((series) => series.values)], picture);
    // Beside an axis in the person's own time.
    if (data.time && !data.days) figure.querySelector(".period").textContent = ends.map(moment).join(" to ");
    const show = (from, to) => plot.setScale("x", { min: Math.max(from, ends[0]), max: Math.min(to, ends[1]) });
    // Around the middle of what is shown.
    const scale = (factor) => {
      const { min, max } = plot.scales.x;
      const half = ((max - min) / 2) * factor;
      show((min + max) / 2 - half, (min + max) / 2 + half);
    };
    closer.addEventListener("click", () => scale(1 / 2));
    // A button that goes away leaves the focus beside it.
    out.addEventListener("click", () => { scale(2); if (out.disabled) closer.focus(); });
    all.addEventListener("click", () => { show(...ends); closer.focus(); });
    touch(plot, show);
    const watch = new ResizeObserver(() => plot.setSize({ width: figure.clientWidth, height: height() }));
    watch.observe(figure);
    for (const svg of figure.querySelectorAll(":scope > svg")) svg.setAttribute("hidden", "");
    return () => {
      watch.disconnect();
      plot.destroy();
      picture.remove();
      hint.remove();
      for (const svg of figure.querySelectorAll(":scope > svg")) svg.removeAttribute("hidden");
    };
  };

  let undo = [];
  const drawAll = () => {
    for (const back of undo) back();
    undo = [];
    if (!together) return;
    for (const figure of figures) {
      try {
        const back = draw(figure);
        if (back) undo.push(back);
      } catch (problem) {
        console.warn("a chart stays as it is", problem);
      }
    }
  };
  drawAll();
  const first = figures.find((figure) => figure.querySelector(".picture"));
  if (first) explain(first);
  // Canvas keeps its colours when the system turns dark; so it is drawn again.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
