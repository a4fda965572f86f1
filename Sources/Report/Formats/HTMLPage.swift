import Bytes

/// A page that is built from its top to its end, with the style and the script of all pages.
struct HTMLPage {
  private var text: String

  init(title: String) {
    text = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <link rel="icon" href="data:,">
      <title>\(title.asMarkup) – cubinspect</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <main>
      <h1>\(title.asMarkup)</h1>

      """
  }

  mutating func add(_ part: String) { text += part }

  func finish(footer: String) -> [UInt8] {
    let end =
      "</main>\n<footer>\(footer.asMarkup)</footer>\n<script>\(Self.script)</script>\n</body>\n</html>\n"
    return Array((text + end).utf8)
  }

  /// Rows and panels that are elements from the start. A browser with scripts keeps the others as the text of a `noscript`
  /// element until they are wanted, because to make elements of 20,000 takes it seconds.
  static let shown = 300

  private static let style = """

    :root { color-scheme: light; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #f6f8fa; --quiet: #57606a; --accent: #0969da;
      --green: #d4f4dc; --blue: #d3e9ff; --yellow: #fdf0b5; --orange: #ffe2c7; --red: #ffd5cf; --gray: #eaeef2;
      --green-edge: #1a7f37; --blue-edge: #0969da; --yellow-edge: #9a6700; --red-edge: #cf222e; --gray-edge: #8c959f; }
    @media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #161b22;
      --quiet: #9da7b3; --accent: #4493f8; --green: #133c22; --blue: #0e335c; --yellow: #443600; --orange: #54300c; --red: #5a1a17; --gray: #262c34;
      --green-edge: #3fb950; --blue-edge: #4493f8; --yellow-edge: #d29922; --red-edge: #f85149; --gray-edge: #6e7681; } }
    * { box-sizing: border-box; }
    body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
    main, footer { max-width: 84rem; margin: 0 auto; padding: 1.5rem 1.25rem; }
    h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .75rem; overflow-wrap: anywhere; }
    .part { font-size: 1.05rem; margin: 2rem 0 .6rem; }
    section.place { margin-top: 3rem; border-top: 2px solid var(--line); padding-top: 1.5rem; }
    ul, ol { padding-left: 1.4rem; margin: .4rem 0; } li { margin: .25rem 0; overflow-wrap: anywhere; } p { margin: .5rem 0; }
    a { color: inherit; text-underline-offset: .15em; }
    i { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .answers, .checks { list-style: none; padding: 0; }
    .answers li { display: flex; gap: .6rem; padding: .55rem .8rem; margin: .5rem 0; border-radius: 6px;
      border-left: 5px solid var(--edge); }
    .checks > li { display: flex; gap: .5rem; } .checks > li > div { min-width: 0; }
    .mark { flex: none; width: 1.2rem; text-align: center; font-weight: 700; }
    .checks .mark { color: var(--edge); }
    pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .4rem 0;
      white-space: pre-wrap; overflow-wrap: anywhere; }
    code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .875rem; }
    table { border-collapse: separate; border-spacing: 0; font-size: .9rem; margin: .5rem 0; }
    th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
    th { font-weight: 500; } tbody th { overflow-wrap: anywhere; } .library th { overflow-wrap: normal; } thead th { font-weight: 600; } small, .quiet, footer { color: var(--quiet); } small { font-weight: 400; }
    .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } thead .number { white-space: normal; }
    .wide { position: relative; overflow: auto; max-height: 85vh; width: fit-content; max-width: 100%; }
    .heat { border-spacing: 2px; margin: 0; } .heat th, .heat td { border: 0; vertical-align: middle; }
    .heat td { text-align: center; border-radius: 4px; } .heat .number { text-align: right; }
    .heat thead th { position: sticky; top: 0; z-index: 1; background: var(--paper); text-align: center; min-width: 3.6rem; vertical-align: bottom; }
    .heat th:first-child { position: sticky; left: 0; background: var(--paper); text-align: left; min-width: min(15rem, 40vw); max-width: 36rem; }
    .heat thead th:first-child { z-index: 2; } .heat .inner { padding-left: 1.8rem; color: var(--quiet); }
    .heat thead small { display: block; } .heat tbody tr:hover th { background: var(--soft); }
    .software td:last-child { overflow-wrap: anywhere; min-width: 12rem; }
    .native, .yes, .pass { --tint: var(--green); --edge: var(--green-edge); } .jit { --tint: var(--blue); }
    .partial, .partly, .warn { --tint: var(--yellow); --edge: var(--yellow-edge); }
    .notGuaranteed, .unknown { --tint: var(--orange); --edge: var(--yellow-edge); }
    .incompatible, .no, .fail { --tint: var(--red); --edge: var(--red-edge); }
    .noDeviceCode, .setAside, .ignored, .nothing { --tint: var(--gray); --edge: var(--gray-edge); }
    td, .answers li, .signs b, .legend b, p > b { background: var(--tint, none); }
    .legend { white-space: nowrap; margin-right: 1rem; } .quiet { font-size: .875rem; }
    .legend b, .signs b, p > b { display: inline-block; padding: 0 .45rem; border-radius: 4px; font-weight: 500; color: var(--ink); }
    .filter { display: flex; gap: .75rem 1.25rem; flex-wrap: wrap; align-items: end; margin: 2rem 0 -.5rem; padding: .75rem .9rem; background: var(--soft);
      border: 1px solid var(--line); border-radius: 6px; font-size: .9rem; }
    .filter[hidden] { display: none; } .filter label { display: grid; gap: .2rem; min-width: 0; } .filter output { color: var(--quiet); padding: .3rem 0; }
    input, select, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--gray-edge); border-radius: 6px; padding: .3rem .55rem; max-width: 100%; }
    .filter input, .filter select { height: 2.2rem; } .filter output { height: 2.2rem; }
    button { cursor: pointer; font-size: .875rem; margin: .25rem .5rem .5rem 0; } button[hidden] { display: none; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    summary { cursor: pointer; overflow-wrap: anywhere; }
    .libraries { border: 1px solid var(--line); border-radius: 6px; overflow: clip; }
    .library { content-visibility: auto; contain-intrinsic-size: auto 2.4rem; } .library + .library { border-top: 1px solid var(--line); }
    .library > summary { padding: .4rem .75rem; } .library > summary:hover, .library[open] > summary { background: var(--soft); }
    .library[open] > summary { border-bottom: 1px solid var(--line); } .library summary code { margin-right: .35rem; }
    .library > :not(summary) { margin-left: 1.9rem; margin-right: .75rem; } .library[open] { padding-bottom: .75rem; }
    .library th, .library td { padding: .15rem .9rem .15rem 0; border: 0; } .library thead th { color: var(--quiet); font-weight: 400; }
    .library .modules td:nth-child(2) { padding-left: .5rem; padding-right: .5rem; border-radius: 4px; }
    .modules :nth-child(n+3), .targets :nth-child(n+2):not(:last-child):is(td, th) { text-align: right; font-variant-numeric: tabular-nums; }
    .signs { font-size: .875rem; } .signs b { margin: .1rem 0 .1rem .25rem; }
    .targets td:last-child::before { content: ""; display: inline-block; width: 8rem; height: .7rem; margin-right: .6rem; border-radius: 3px;
      background: linear-gradient(var(--accent) 0 0) 0 / var(--share) 100% no-repeat var(--gray); }
    .unread { background: var(--yellow); border-left: 5px solid var(--yellow-edge); padding: .55rem .8rem; border-radius: 6px; font-weight: 600; }
    footer { border-top: 1px solid var(--line); font-size: .9rem; }
    @media (max-width: 40rem) { main, footer { padding: 1rem .75rem; } .library > :not(summary) { margin-left: .75rem; } .targets td:last-child::before { width: 5rem; }
      th, td { padding: .25rem .4rem; } .filter label, .filter input, .filter select { width: 100%; } }
    @media print { :root { font-size: 11px; } main, footer { max-width: none; padding: .5rem 0; } .filter, button { display: none; }
      .wide { overflow: visible; max-height: none; width: auto; } .heat th { position: static !important; } .heat th:first-child { min-width: 8rem; }
      .heat thead th { min-width: 0; } tr, .answers li, .checks > li { break-inside: avoid; } .part, h2 { break-after: avoid; }
      details:not(.library)::details-content { content-visibility: visible; display: block; } .library { content-visibility: visible; }
      * { print-color-adjust: exact; } }

    """

  private static let script = """

    const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
    const decoded = text => text.replace(/&[a-z#0-9]+;/g, entity => entities[entity] ?? entity);
    const parsed = text => {
      const template = document.createElement("template");
      template.innerHTML = text;
      return template.content.firstElementChild;
    };
    const number = count => count.toLocaleString("en");

    // The rows of a table or the panels of libraries: `start` is how one begins, and `pattern` finds its cells and its names.
    // What is no element yet is the text of a noscript element. Some of those that fit are shown, with a button for more.
    const list = (holder, nodes, start, pattern, one, many) => {
      const item = (text, node) => {
        const [, cells, ...names] = pattern.exec(text);
        return { text, node, cells, name: decoded(names.join(" ")).toLowerCase() };
      };
      const rest = holder.querySelector(":scope > noscript");
      const items = [...nodes.children].filter(node => node !== rest).map(node => item(node.outerHTML, node));
      for (const text of rest?.textContent.split(start).slice(1) ?? []) items.push(item(start + text));
      rest?.remove();
      const more = document.createElement("button");
      more.type = "button";
      holder.after(more);
      let limit = \(shown), fitting = items;
      const show = () => {
        nodes.replaceChildren(...fitting.slice(0, limit).map(item => item.node ??= parsed(item.text)));
        more.hidden = fitting.length <= limit;
        more.textContent = `Show more: ${number(Math.min(limit, fitting.length))} of ${number(fitting.length)} ${many} are shown`;
      };
      more.addEventListener("click", () => {
        const first = limit;
        limit += 1000;
        show();
        (nodes.children[first].querySelector("summary") ?? holder).focus();
      });
      show();
      // Shows what fits, and says how much that is.
      return test => {
        fitting = items.filter(test);
        show();
        return `${number(fitting.length)} of ${number(items.length)} ${items.length === 1 ? one : many}`;
      };
    };

    for (const place of document.querySelectorAll(".filtered")) {
      const form = place.querySelector(".filter"), output = form.querySelector("output");
      const { text, gpu, state } = form.elements;
      const table = place.querySelector(".heat"), panels = place.querySelector(".libraries");
      const lists = [];
      if (table) {
        lists.push(list(table.parentElement, table.tBodies[0], "<tr ", /data-cells="(\\w*)"><th[^>]*>([^<]*)/, "row", "rows"));
        // What a cell means, for the pointer.
        table.addEventListener("mouseover", ({ target }) => {
          const cell = target.closest("tbody td:not(.number)");
          if (cell) cell.title = `${cell.parentElement.cells[0].textContent}: ${cell.querySelector("i").textContent.trim()}`;
        });
      }
      if (panels) {
        lists.push(list(panels, panels, '<details class="library"',
          /data-cells="(\\w*)"(?: data-package="([^"]*)")?><summary><code>([^<]*)/, "library", "libraries"));
        const toggle = document.createElement("button");
        const isOpen = () => [...panels.children].some(panel => panel.open);
        const name = () => { toggle.textContent = isOpen() ? "Close all panels" : "Open the panels that are shown"; };
        toggle.type = "button";
        toggle.addEventListener("click", () => {
          const opens = !isOpen();
          for (const panel of panels.children) panel.open = opens;
        });
        panels.addEventListener("toggle", name, true);
        panels.before(toggle);
        name();
      }
      // Hides the columns of other GPUs.
      const columns = document.head.appendChild(document.createElement("style"));
      form.hidden = false;
      form.addEventListener("input", () => {
        const wanted = text.value.trim().toLowerCase(), column = gpu?.value ?? "", letter = state?.value ?? "";
        columns.textContent = column && `#${place.parentElement.id} .heat tr > :nth-child(n+3):not(:nth-child(${+column + 3})) { display: none }`;
        const fits = ({ name, cells }) =>
          name.includes(wanted) && (!letter || (column ? cells[column] === letter : cells.includes(letter)));
        output.textContent = lists.map(show => show(fits)).join(", ");
      });
      form.addEventListener("submit", event => event.preventDefault());
    }

    """
}
