// Lists: what the dump is, why the kernel died, processes, findings, and what
// could not be read.

/** A table whose columns sort. columns: [{title, of, cell, isNumber}] */
function sortedTable(columns, rows, first, onClick) {
  let by = first, direction = columns[first].isNumber ? -1 : 1, shown = 60;
  const head = make("tr"), body = make("tbody"), more = make("button", {type: "button", class: "more"});
  const table = make("table", {class: "sorted"}, make("thead", {}, head), body);
  const render = () => {
    replaceChildren(head, ...columns.map((column, i) => {
      const button = make("button", {type: "button"}, column.title, by === i ? (direction < 0 ? " ▾" : " ▴") : "");
      button.addEventListener("click", () => {
        direction = by === i ? -direction : column.isNumber ? -1 : 1;
        by = i;
        render();
      });
      return make("th", {scope: "col", class: column.isNumber ? "number" : "", "aria-sort": by !== i ? "none" : direction < 0 ? "descending" : "ascending"}, button);
    }));
    const {of} = columns[by];
    const order = [...rows].sort((a, b) => {
      const x = of(a), y = of(b);
      return (x < y ? -1 : x > y ? 1 : 0) * direction;
    });
    replaceChildren(body, ...order.slice(0, shown).map((row) => {
      const line = make("tr", onClick ? {tabindex: "0", class: "open"} : {},
        ...columns.map((column) => make("td", {class: column.isNumber ? "number" : ""}, column.cell ? column.cell(row) : column.of(row))));
      if (onClick) {
        line.addEventListener("click", () => onClick(row));
        line.addEventListener("keydown", (event) => { if (event.key === "Enter") onClick(row); });
      }
      return line;
    }));
    more.hidden = rows.length <= shown;
    more.textContent = `${countText(shown)} are shown: show all ${countText(rows.length)}`;
  };
  more.addEventListener("click", () => { shown = rows.length; render(); });
  render();
  return [make("div", {class: "scroll"}, table), more];
}

function bar(value, most) {
  const box = make("span", {class: "bar", "aria-hidden": "true"});
  box.style.setProperty("--part", most ? value / most : 0);
  return box;
}

function showVerdict(crash, app) {
  const box = byId("verdict");
  box.hidden = crash.kind === "none";
  if (box.hidden) return;
  box.classList.toggle("uncertain", crash.kind === "unknown");
  const rows = [["address", crash.address && [crash.access, crash.address, crash.region_sentence].filter(Boolean).join(" · ")],
    ["code", crash.code_sentence], ["who", crash.pid === null ? null : `CPU ${crash.cpu ?? "?"}, ${crash.comm} (pid ${crash.pid})`],
    ["where", crash.ip_symbol ?? crash.ip], ["panic", crash.panic], ["tables", crash.walk_line], ["in the log", crash.tables_changed ? crash.walk_line_in_log : null]];
  const show = crash.address && make("button", {type: "button", onclick: () => {
    const address = BigInt(crash.address), owner = app.spaces.find((space) => !space.isKernel && space.pid === crash.pid);
    const kernel = app.spaces[0], isKernels = kernel.spacesOverlap ? !crash.region?.startsWith("user") : kernel.isKernels(address);
    app.showAddress(owner && !isKernels ? owner : kernel, address, true);
  }}, "show this address");
  replaceChildren(box, make("p", {class: "kind"}, crash.kind), make("h2", {}, crash.sentence),
    crash.title ? make("p", {}, make("code", {}, crash.title)) : null, facts(rows), show || null,
    app.command("explain"));
}

/** "74 high, 3 medium", the worst first. */
function severitiesOf(list) {
  const order = ["high", "medium", "low", "info"];
  return order.map((severity) => [severity, list.filter((row) => row.severity === severity).length]).filter(([, n]) => n)
    .map(([severity, n]) => make("span", {class: "severity " + severity}, `${countText(n)} ${severity}`));
}

function showFacts(data, audit, app) {
  document.title = `${visible(data.release ?? "")} – ${visible(data.file)} – vmpt map`;
  byId("title").textContent = visible(data.file.split("/").pop());
  replaceChildren(byId("facts"), ...[
    ["kernel", [data.release, data.arch].filter(Boolean).join(" ")], ["tables", `${data.modes[0].name}, root ${data.root}`],
    ["dump", `${data.format}, ${sizeText(data.present_bytes)} of memory`],
    ["processes", countText(app.spaces.length - 1)],
  ].map(([name, value]) => make("span", {}, make("b", {}, name), " ", value)),
    make("a", {href: "#findings-section"}, make("b", {}, "audit"), " ", ...(audit.audit.length ? severitiesOf(audit.audit) : ["no findings"])),
    data.findings.some((row) => row.severity === "gap") ? make("a", {href: "#problems-section"}, "not all could be read") : null);
}

function showProcesses(app) {
  const rows = app.spaces.filter((space) => !space.isKernel);
  const box = byId("processes");
  if (!rows.length) {
    replaceChildren(box, make("p", {}, "No processes with address spaces are known."));
    return;
  }
  const page = rows[0].pageBytes, most = Math.max(...rows.map((row) => row.mapped_bytes));
  const size = (value) => sizeText(value);
  replaceChildren(box, ...sortedTable([
    {title: "pid", of: (row) => row.pid, isNumber: true},
    {title: "name", of: (row) => row.comm, cell: (row) => row.comm + (row.panicked ? " (panicked)" : row.running ? " (running)" : "")},
    {title: "tables", of: (row) => row.table_bytes, cell: (row) => size(row.table_bytes), isNumber: true},
    {title: "mapped", of: (row) => row.mapped_bytes, cell: (row) => make("span", {}, bar(row.mapped_bytes, most), size(row.mapped_bytes)), isNumber: true},
    {title: "frames", of: (row) => row.frames, cell: (row) => size(row.frames * page), isNumber: true},
    {title: "shared", of: (row) => row.shared_frames, cell: (row) => size(row.shared_frames * page), isNumber: true},
    {title: "areas", of: (row) => row.areas, isNumber: true},
  ], rows, 3, (row) => app.openSpace(row, true)));
}

function showFindings(audit, app) {
  const box = byId("findings"), list = audit.audit;
  const summary = make("p", {class: "counts"}, ...(list.length ? severitiesOf(list) : ["audit found nothing."]));
  const groups = new Map();
  for (const row of list) {
    if (!groups.has(row.rule)) groups.set(row.rule, []);
    groups.get(row.rule).push(row);
  }
  const parts = [...groups].map(([rule, rows]) => {
    const items = make("ul", {});
    let shown = 0;
    const more = make("button", {type: "button", class: "more"});
    const grow = () => {
      const step = shown ? 100 : 8;
      for (const row of rows.slice(shown, shown + step)) items.append(findingItem(row, app));
      shown += step;
      more.hidden = shown >= rows.length;
      more.textContent = `${countText(rows.length - shown)} more`;
    };
    more.addEventListener("click", grow);
    grow();
    const details = make("details", {}, make("summary", {}, make("span", {class: "severity " + rows[0].severity}, rows[0].severity), " ",
      make("b", {}, rule), " ", countText(rows.length)), items, more);
    details.open = rows[0].severity === "high" || groups.size < 4;
    return details;
  });
  const missing = (audit.rules_not_judged ?? []).filter((row) => row.state !== "not_applicable");
  replaceChildren(box, summary, ...parts, missing.length ? make("details", {}, make("summary", {}, `${missing.length} rules not judged, or in part`),
    make("ul", {}, ...missing.map((row) => make("li", {}, make("b", {}, row.rule), ` (${row.state.replace("_", " ")}): `, row.reason)))) : null,
    app.command("audit"));
}

function findingItem(row, app) {
  const space = row.pid === null ? app.spaces[0] : app.spaces.find((s) => s.pid === row.pid) ?? app.spaces[0];
  const where = row.first ? make("button", {type: "button", class: "link", onclick: () => app.showAddress(space, BigInt(row.first), true)}, row.first) : null;
  return make("li", {}, where, where ? " " : null, row.pid === null ? "kernel" : `${row.comm} (pid ${row.pid})`, ": ", row.detail,
    row.entry ? make("small", {}, ` entry ${row.entry}`) : null,
    row.evidence.length ? make("small", {class: "evidence"}, row.evidence.join("; ")) : null);
}

function showProblems(data) {
  const rows = data.findings, box = byId("problems");
  byId("problems-section").hidden = !rows.length;
  replaceChildren(box, ...rows.slice(0, 200).map((row) => make("li", {class: row.severity}, make("b", {}, row.kind), " ", row.sentence)),
    rows.length > 200 ? make("li", {}, `and ${countText(rows.length - 200)} more`) : null);
  byId("problems-count").textContent = rows.length ? ` (${countText(rows.length)})` : "";
}

/** The sections as a list: to go there, and for paper. */
function showSections(app) {
  const {names} = app, kernel = app.spaces[0], list = names.sections.length ? names.sections : names.regions;
  const rows = list.map((section) => {
    const range = kernel.rangeOf(section.first, section.last);
    if (!range) return null;
    let mapped = 0;
    kernel.visit(range[0], range[1], (range[1] - range[0]) / 4, (begin, end, leafClass, summary) => {
      if (summary) for (const [what, pages] of summary) mapped += what >= 0 && kernel.tables.styles[what >> 4].isLeaf ? pages : 0;
      else if (leafClass >= 0 && kernel.tables.styles[leafClass >> 4].isLeaf)
        mapped += Math.max(0, Math.min(end, range[1]) - Math.max(begin, range[0]));
    });
    return {section, size: (range[1] - range[0]) * kernel.pageBytes, mapped: mapped * kernel.pageBytes};
  }).filter(Boolean);
  replaceChildren(byId("sections"), ...sortedTable([
    {title: "section", of: (row) => row.section.first, cell: (row) => row.section.name},
    {title: "from", of: (row) => row.section.first, cell: (row) => make("code", {}, hex(row.section.first))},
    {title: "size", of: (row) => row.size, cell: (row) => sizeText(row.size), isNumber: true},
    {title: "mapped", of: (row) => row.mapped, cell: (row) => sizeText(row.mapped), isNumber: true},
  ], rows, 0, (row) => {
    app.openSpace(kernel, false);
    app.axis.showRange(row.section.first, row.section.last);
    byId("space-section").scrollIntoView({block: "start"});
  }));
}
