(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  document.body.classList.add('js');
  const water = document.getElementById('waterfall');
  if (!water || !data.waterfall) return;
  const spectro = document.getElementById('spectrogram');
  const readout = document.getElementById('readout');
  const chooser = document.getElementById('sensor');
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const colours = bytes(data.colours);
  const LEFT = 70, TOP = 16, BOTTOM = 34;

  // A picture: codes (0 gap, 1 dead, 2 to 255 a value) by column and slot.
  const picture = (canvas, about, from, columns, up) => ({ canvas, about, cells: bytes(about.cells), from, columns, up });
  const pictures = [picture(water, data.waterfall, 0, data.waterfall.columns, 'first')];
  if (data.cube && spectro) pictures.push(picture(spectro, data.cube, 0, data.cube.bins, 'last'));

  const state = { from: 0, to: data.length_us, column: data.liveliest, us: null, row: null, drag: null };
  const least = Math.min(data.length_us, 4 * data.row_us);

  const value = (about, code) => about.low + (code - 2) / 253 * (about.high - about.low);
  const slotOf = (about, us) => clamp(Math.floor((us + data.row_us / 2) / about.slot_us), 0, about.slots - 1);
  const codeAt = (p, us, row) => p.cells[(p.from + row) * p.about.slots + slotOf(p.about, us)];

  const wall = (us) => {
    for (let at = data.segments.length - 1; at >= 0; at--) {
      const [start, length, place] = data.segments[at];
      if (us >= place) return us - place <= length ? start + (us - place) : null;
    }
    return null;
  };
  const clock = (unix, step) => {
    const date = new Date(Math.floor(unix / 1000));
    if (Number.isNaN(date.getTime())) return `${unix} µs`;
    const text = date.toISOString();
    if (step >= 864e8) return text.slice(0, 10);
    if (step >= 6e7) return text.slice(11, 16);
    return text.slice(11, step >= 1e6 ? 19 : 23);
  };
  const sensorName = (column) => {
    const [first, last] = data.sensors[column];
    return first === last ? `${first}` : `${first} to ${last}`;
  };
  const frequency = (row) => data.frequencies_hz && data.cube
    ? `${data.frequencies_hz[Math.min(row * data.cube.bins_each, data.frequencies_hz.length - 1)].toFixed(1)} Hz`
    : `bin ${row * (data.cube ? data.cube.bins_each : 1)}`;

  // Colours of the codes, and the page's own colours.
  const table = (about) => {
    const codes = [];
    for (let code = 0; code < 256; code++) {
      const share = clamp((value(about, code) - about.limits[0]) / (about.limits[1] - about.limits[0] || 1), 0, 1);
      const at = Math.round(share * 255) * 3;
      codes.push([colours[at], colours[at + 1], colours[at + 2]]);
    }
    return codes;
  };
  const niceStep = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
  };
  const timeSteps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 12e7, 3e8, 6e8, 9e8, 18e8, 36e8, 72e8, 108e8, 216e8, 432e8, 864e8, 6048e8, 315576e8];

  const geometry = (p) => {
    const ratio = window.devicePixelRatio || 1;
    const width = p.canvas.clientWidth, height = p.canvas.clientHeight;
    return { ratio, width, height, left: LEFT, top: TOP, wide: Math.max(width - LEFT - 2, 1), high: Math.max(height - TOP - BOTTOM, 1) };
  };

  const paint = (p) => {
    const g = geometry(p);
    p.canvas.width = Math.round(g.width * g.ratio);
    p.canvas.height = Math.round(g.height * g.ratio);
    const context = p.canvas.getContext('2d');
    const wide = Math.round(g.wide * g.ratio), high = Math.round(g.high * g.ratio);
    const image = context.createImageData(wide, high);
    const codes = table(p.about);
    const gap = [rgb(style('--gap1')), rgb(style('--gap2'))], dead = [rgb(style('--dead1')), rgb(style('--dead2'))];
    const span = state.to - state.from;
    // The largest of the slots and columns that share a pixel, so that nothing is skipped.
    const starts = Array.from({ length: wide + 1 }, (_, x) => slotOf(p.about, state.from + span * x / wide - data.row_us / 2));
    const line = new Uint8Array(wide);
    for (let y = 0; y < high; y++) {
      const first = Math.floor(y * p.columns / high), end = Math.max(Math.floor((y + 1) * p.columns / high), first + 1);
      line.fill(0);
      for (let row = first; row < end; row++) {
        const column = p.up === 'first' ? row : p.columns - 1 - row;
        const at = (p.from + column) * p.about.slots;
        for (let x = 0; x < wide; x++) {
          let slot = starts[x];
          const until = Math.max(starts[x + 1], slot + 1);
          for (; slot < until; slot++) if (p.cells[at + slot] > line[x]) line[x] = p.cells[at + slot];
        }
      }
      for (let x = 0; x < wide; x++) {
        const code = line[x];
        const colour = code === 0 ? gap[(x + y) / (6 * g.ratio) & 1] : code === 1 ? dead[(x + y) / (3 * g.ratio) & 1] : codes[code];
        const to = (y * wide + x) * 4;
        image.data[to] = colour[0]; image.data[to + 1] = colour[1]; image.data[to + 2] = colour[2]; image.data[to + 3] = 255;
      }
    }
    context.putImageData(image, Math.round(g.left * g.ratio), Math.round(g.top * g.ratio));
    context.scale(g.ratio, g.ratio);
    axes(p, g, context);
    p.still = document.createElement('canvas');
    p.still.width = p.canvas.width; p.still.height = p.canvas.height;
    p.still.getContext('2d').drawImage(p.canvas, 0, 0);
    over(p);
  };

  const axes = (p, g, context) => {
    context.font = '12px system-ui, sans-serif';
    context.fillStyle = style('--faint'); context.strokeStyle = style('--faint'); context.lineWidth = 1;
    context.strokeRect(g.left - .5, g.top - .5, g.wide + 1, g.high + 1);
    context.textAlign = 'left'; context.textBaseline = 'top';
    context.fillText(p.up === 'first' ? 'sensor' : data.frequencies_hz ? 'frequency' : 'bin', 0, 1);
    context.textAlign = 'right'; context.textBaseline = 'middle';
    const place = (row) => g.top + (p.up === 'first' ? row + .5 : p.columns - row - .5) / p.columns * g.high;
    const label = (row, text) => {
      context.fillRect(g.left - 6, place(row) - .5, 5, 1);
      context.fillText(text, g.left - 9, place(row));
    };
    const most = Math.max(Math.floor(g.high / 34), 1);
    const hz = data.frequencies_hz;
    if (p.up === 'last' && hz && hz.length > 1) {
      const step = niceStep((hz[hz.length - 1] - hz[0]) / most);
      for (let at = Math.ceil(hz[0] / step) * step; at <= hz[hz.length - 1]; at += step) {
        const behind = Math.max(hz.findIndex((one) => one >= at), 1);
        const bin = behind - 1 + (at - hz[behind - 1]) / (hz[behind] - hz[behind - 1]);
        label(clamp(bin / p.about.bins_each, 0, p.columns - 1), `${+at.toPrecision(6)} Hz`);
      }
    } else {
      const step = Math.max(niceStep(p.columns / most), 1);
      for (let row = 0; row < p.columns; row += step) label(row, p.up === 'first' ? `${data.sensors[row][0]}` : `${row * p.about.bins_each}`);
    }
    context.textBaseline = 'top'; context.textAlign = 'center';
    const span = state.to - state.from, x = (us) => g.left + (us - state.from) / span * g.wide;
    const step = timeSteps.find((one) => one >= span / Math.max(g.wide / 110, 1)) || timeSteps[timeSteps.length - 1];
    let free = -1e9;
    for (const [start, length, at] of data.segments) {
      const from = Math.max(state.from - at, 0), to = Math.min(state.to - at, length);
      for (let unix = Math.ceil((start + from) / step) * step; unix <= start + to; unix += step) {
        const px = x(at + unix - start), text = clock(unix, step), half = context.measureText(text).width / 2;
        context.fillRect(px - .5, g.top + g.high, 1, 5);
        if (px - half > free && px + half < g.width) { context.fillText(text, px, g.top + g.high + 8); free = px + half + 8; }
      }
    }
    context.textAlign = 'right';
    for (const [severity, us] of data.findings) {
      if (us === null || us < state.from || us > state.to) continue;
      const px = x(us);
      context.fillStyle = style({ error: '--bad', warning: '--warn', info: '--info' }[severity]);
      context.beginPath(); context.moveTo(px - 6, 2); context.lineTo(px + 6, 2); context.lineTo(px, 13); context.fill();
      context.fillRect(px - .5, 13, 1, 3);
    }
  };

  // The cursor, over the picture.
  const over = (p) => {
    const context = p.canvas.getContext('2d'), g = geometry(p);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, p.canvas.width, p.canvas.height);
    context.drawImage(p.still, 0, 0);
    context.scale(g.ratio, g.ratio);
    const x = (us) => g.left + (us - state.from) / (state.to - state.from) * g.wide;
    const line = (draw) => {
      for (const [colour, width] of [['#000', 3], ['#fff', 1]]) {
        context.strokeStyle = colour; context.lineWidth = width; context.beginPath(); draw(); context.stroke();
      }
    };
    if (state.us !== null && state.us >= state.from && state.us <= state.to) {
      line(() => { context.moveTo(x(state.us), g.top); context.lineTo(x(state.us), g.top + g.high); });
    }
    if (p.up === 'first' && state.column !== null) {
      const y = g.top + (state.column + .5) / p.columns * g.high;
      line(() => { context.moveTo(g.left - 5, y); context.lineTo(g.left + 9, y); context.moveTo(g.left + g.wide - 9, y); context.lineTo(g.left + g.wide, y); });
    }
    if (state.drag && Math.abs(state.drag.to - state.drag.from) > 0) {
      const a = x(Math.min(state.drag.from, state.drag.to)), b = x(Math.max(state.drag.from, state.drag.to));
      context.fillStyle = 'rgba(255,255,255,.3)'; context.fillRect(a, g.top, b - a, g.high);
      context.strokeStyle = '#fff'; context.lineWidth = 1; context.strokeRect(a, g.top, b - a, g.high);
    }
  };

  const draw = () => pictures.forEach(paint);
  const overAll = () => pictures.forEach((p) => p.still && over(p));

  const say = (p, us, row) => {
    const unix = wall(us), code = codeAt(p, us, row);
    const when = unix === null ? 'a pause that is cut short' : `${clock(unix, 1)} UTC`;
    const what = code === 0 ? 'no row' : code === 1 ? 'no finite value' : `${value(p.about, code).toFixed(1)} dB`;
    const where = p.up === 'first' ? `sensor ${sensorName(row)}` : `sensor ${sensorName(state.column)}, ${frequency(row)}`;
    readout.textContent = `${when} (+${(us / 1e6).toFixed(3)} s) · ${where} · ${what}${p.up === 'first' && code > 1 ? ' above the median' : ''}`;
  };
  const point = (p, us, row) => {
    state.us = clamp(us, 0, data.length_us); state.row = row;
    say(p, state.us, row); overAll();
  };
  const zoom = (from, to) => {
    const span = clamp(to - from, least, data.length_us);
    state.from = clamp((from + to - span) / 2, 0, data.length_us - span);
    state.to = state.from + span;
    water.dataset.from = Math.round(state.from); water.dataset.to = Math.round(state.to);
    draw();
  };
  const zoomBy = (factor, about) => {
    const middle = about ?? (state.from + state.to) / 2;
    zoom(middle - (middle - state.from) * factor, middle + (state.to - middle) * factor);
  };
  const pan = (share) => { const by = (state.to - state.from) * share; zoom(state.from + by, state.to + by); };
  const choose = (column) => {
    state.column = clamp(column, 0, data.sensors.length - 1);
    if (chooser) chooser.value = String(state.column);
    if (pictures[1]) {
      pictures[1].from = state.column * data.cube.bins;
      spectro.setAttribute('aria-label', `Spectrogram of sensor ${sensorName(state.column)}: time across, frequency upward, colour is dB.`);
      document.getElementById('spectrogram-title').textContent = `Spectrogram of sensor ${sensorName(state.column)}`;
      paint(pictures[1]);
    }
    overAll();
  };

  const where = (p, event) => {
    const box = p.canvas.getBoundingClientRect(), g = geometry(p);
    const share = clamp((event.clientX - box.left - g.left) / g.wide, 0, 1);
    const down = clamp(Math.floor((event.clientY - box.top - g.top) / g.high * p.columns), 0, p.columns - 1);
    return { us: state.from + share * (state.to - state.from), row: p.up === 'first' ? down : p.columns - 1 - down };
  };
  for (const p of pictures) {
    p.canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      const at = where(p, event);
      state.drag = { from: at.us, to: at.us, x: event.clientX };
      p.canvas.setPointerCapture(event.pointerId);
    });
    p.canvas.addEventListener('pointermove', (event) => {
      const at = where(p, event);
      if (state.drag) state.drag.to = Math.abs(event.clientX - state.drag.x) > 4 ? at.us : state.drag.from;
      point(p, at.us, at.row);
    });
    p.canvas.addEventListener('pointerup', (event) => {
      const drag = state.drag;
      state.drag = null;
      if (!drag) return;
      if (drag.to !== drag.from) zoom(Math.min(drag.from, drag.to), Math.max(drag.from, drag.to));
      else if (p.up === 'first') choose(where(p, event).row);
    });
    p.canvas.addEventListener('pointercancel', () => { state.drag = null; overAll(); });
    p.canvas.addEventListener('dblclick', () => zoom(0, data.length_us));
    p.canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomBy(event.deltaY > 0 ? 1.25 : .8, where(p, event).us);
    }, { passive: false });
    p.canvas.addEventListener('keydown', (event) => {
      const us = state.us ?? (state.from + state.to) / 2, row = clamp(state.row ?? state.column ?? 0, 0, p.columns - 1);
      const step = Math.max(p.about.slot_us, (state.to - state.from) / 200) * (event.shiftKey ? 10 : 1);
      const up = p.up === 'first' ? -1 : 1;
      const keys = {
        ArrowLeft: () => point(p, us - step, row), ArrowRight: () => point(p, us + step, row),
        ArrowUp: () => point(p, us, clamp(row + up, 0, p.columns - 1)), ArrowDown: () => point(p, us, clamp(row - up, 0, p.columns - 1)),
        '+': () => zoomBy(.5, us), '=': () => zoomBy(.5, us), '-': () => zoomBy(2, us), 0: () => zoom(0, data.length_us), Escape: () => zoom(0, data.length_us),
        PageUp: () => pan(-.5), PageDown: () => pan(.5),
        Enter: () => { if (p.up === 'first') choose(row); },
      };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
      if (state.us !== null && (state.us < state.from || state.us > state.to)) pan(state.us < state.from ? -.5 : .5);
    });
  }
  const buttons = { in: () => zoomBy(.5), out: () => zoomBy(2), left: () => pan(-.5), right: () => pan(.5), all: () => zoom(0, data.length_us) };
  for (const button of document.querySelectorAll('[data-zoom]')) button.addEventListener('click', buttons[button.dataset.zoom]);
  if (chooser) {
    data.sensors.forEach((_, column) => chooser.add(new Option(sensorName(column) + (data.states[column] || ''), String(column))));
    chooser.addEventListener('change', () => choose(Number(chooser.value)));
  }

  // #t=SECONDS&s=SENSOR is a place in the pictures; findings link there.
  const go = () => {
    const found = /^#t=(-?[\d.]+)(?:&s=(-?\d+))?$/.exec(location.hash);
    if (!found) return;
    const us = clamp(Number(found[1]) * 1e6, 0, data.length_us), half = Math.max(20 * data.row_us, data.length_us / 40);
    const column = found[2] === undefined ? -1 : data.sensors.findIndex(([first, last]) => first <= Number(found[2]) && Number(found[2]) <= last);
    if (column >= 0) choose(column);
    zoom(us - half, us + half);
    point(pictures[0], us, column >= 0 ? column : state.column ?? 0);
    document.getElementById('pictures').scrollIntoView();
  };
  window.addEventListener('hashchange', go);
  let waiting = 0;
  new ResizeObserver(() => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(draw); }).observe(water);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  // Paper is white, whatever the screen is.
  window.addEventListener('beforeprint', () => { document.documentElement.classList.add('paper'); draw(); });
  window.addEventListener('afterprint', () => { document.documentElement.classList.remove('paper'); draw(); });
  if (state.column === null) state.column = 0;
  zoom(0, data.length_us);
  choose(state.column);
  go();
})();
