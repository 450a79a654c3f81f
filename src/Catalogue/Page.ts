/**
 * The looks and the behaviour of the pages. Both stand in the page itself; the content security policy lets in nothing else.
 */

export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9;
  --card: #ffffff;
  --line: #dfe2e8;
  --text: #1b1e24;
  --soft: #565c68;
  --accent: #3446b8;
  --mark: #eceffc;
  --code: #f1f3f7;
  --debug: #e9ebf0; --debug-text: #43474f;
  --info: #dfebff; --info-text: #0d4590;
  --warning: #fdeccd; --warning-text: #704000;
  --error: #fde1de; --error-text: #8c1c13;
  --critical: #8c1c13; --critical-text: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121419;
    --card: #1a1d24;
    --line: #323743;
    --text: #e8eaef;
    --soft: #a5adbb;
    --accent: #a9b6ff;
    --mark: #232a4a;
    --code: #242832;
    --debug: #2d313b; --debug-text: #c7ccd6;
    --info: #14315c; --info-text: #b3d2ff;
    --warning: #3f2d0c; --warning-text: #ffd28a;
    --error: #48191b; --error-text: #ffb9b2;
    --critical: #ffb9b2; --critical-text: #48191b;
  }
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { scroll-padding-top: 5rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
code, pre, kbd, samp { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .9em; }
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
h1, h2, h3, h4, p, ul, dl, dd, pre { margin: 0; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; }
.skip { position: absolute; left: 1rem; top: -10rem; z-index: 2; padding: .6rem 1rem; background: var(--card); border-radius: .5rem; }
.skip:focus { top: .6rem; }

.top { position: sticky; top: 0; z-index: 1; background: var(--card); border-bottom: 1px solid var(--line); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; max-width: 76rem; margin: 0 auto; padding: .6rem 1.5rem; }
.brand { font-weight: 650; }
.tabs { display: flex; gap: .25rem; }
.tabs a { padding: .3rem .75rem; border-radius: .5rem; color: var(--soft); text-decoration: none; }
.tabs a:hover { color: var(--text); background: var(--code); }
.tabs a[aria-current] { color: var(--accent); background: var(--mark); font-weight: 600; }
.search { position: relative; flex: 1 1 16rem; max-width: 26rem; margin-left: auto; }
.search input {
  width: 100%; padding: .45rem 2.4rem .45rem .8rem; font: inherit; color: inherit; background: var(--page);
  border: 1px solid #868d9b; border-radius: .5rem; appearance: none;
}
.search input::placeholder { color: var(--soft); opacity: 1; }
.search input::-webkit-search-cancel-button { display: none; }
.search kbd {
  position: absolute; right: .6rem; top: 50%; transform: translateY(-50%); padding: 0 .45rem; color: var(--soft);
  background: var(--card); border: 1px solid var(--line); border-radius: .3rem; pointer-events: none;
}
.search:focus-within kbd { display: none; }

.frame { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2.5rem; max-width: 76rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
.contents { display: none; }
@media (min-width: 62rem) {
  .frame.wide { grid-template-columns: 15.5rem minmax(0, 1fr); }
  .contents { display: block; position: sticky; top: 4.6rem; align-self: start; max-height: calc(100vh - 5.6rem); overflow-y: auto; font-size: .875rem; padding-right: .5rem; }
}
.contents p { margin: 1.1rem 0 .3rem; color: var(--soft); font-size: .78rem; font-weight: 650; letter-spacing: .04em; }
.contents > :first-child > p:first-child { margin-top: .2rem; }
.contents .which { margin-top: 2rem; color: var(--text); font-size: .95rem; letter-spacing: 0; }
.contents .which + div > p { margin-top: .4rem; }
.contents ul { list-style: none; padding: 0; }
.contents a { display: block; padding: .15rem .5rem; border-left: 2px solid var(--line); color: var(--soft); text-decoration: none; }
.contents small { font-variant-numeric: tabular-nums; }
.contents a:hover { color: var(--text); border-color: var(--soft); }
.contents a[aria-current] { color: var(--accent); border-color: var(--accent); font-weight: 600; }

.lead { max-width: 44rem; margin-top: .5rem; color: var(--soft); }
.count { margin-top: .9rem; font-size: .9rem; color: var(--soft); }
.nothing { margin-top: 2rem; padding: 2.5rem 1rem; text-align: center; border: 1px dashed var(--line); border-radius: .75rem; }
.nothing button { margin-top: .8rem; padding: .4rem .9rem; font: inherit; color: var(--accent); background: var(--card); border: 1px solid currentcolor; border-radius: .5rem; cursor: pointer; }
.part { margin-top: 3rem; }
.part > h2 { font-size: 1.5rem; line-height: 1.25; }
.group { margin-top: 2rem; }
.group > :is(h2, h3) { display: flex; align-items: baseline; gap: .6rem; margin-bottom: .75rem; font-size: 1.15rem; line-height: 1.3; }
.group > :is(h2, h3) small { color: var(--soft); font-size: .85rem; font-weight: 400; }

.entry { padding: 1.1rem 1.25rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.entry + .entry { margin-top: .75rem; }
.entry:target { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem .7rem; }
.head :is(h2, h3, h4) { font-size: 1.05rem; line-height: 1.4; }
.head a { text-decoration: none; }
.head a:hover { text-decoration: underline; }
.badge { padding: .05rem .6rem; border-radius: 1rem; font-size: .82rem; font-weight: 600; white-space: nowrap; }
.debug { background: var(--debug); color: var(--debug-text); }
.info { background: var(--info); color: var(--info-text); }
.warning { background: var(--warning); color: var(--warning-text); }
.error { background: var(--error); color: var(--error-text); }
.critical { background: var(--critical); color: var(--critical-text); }
.message { margin-top: .55rem; font-size: 1.05rem; }
.message var { padding: .05rem .35rem; font: .88em ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; background: var(--mark); color: var(--accent); border-radius: .3rem; }
.about code, .old code { padding: .05rem .3rem; background: var(--code); color: var(--text); border-radius: .3rem; }
.about { max-width: 46rem; margin-top: .5rem; color: var(--soft); }
.old { margin-top: .6rem; padding: .5rem .8rem; background: var(--warning); color: var(--warning-text); border-radius: .5rem; }
table { width: 100%; table-layout: fixed; margin-top: .9rem; border-collapse: collapse; font-size: .92rem; text-align: left; }
th, td { padding: .4rem .75rem .4rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th:first-child { width: 27%; }
thead th:nth-child(2):not(:last-child) { width: 33%; }
thead th { color: var(--soft); font-size: .8rem; font-weight: 600; }
tbody th { font-weight: 400; }
tbody tr:last-child > * { border-bottom: 0; }
td small, th small { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; margin-top: .8rem; font-size: .88rem; }
.facts div { display: flex; flex-wrap: wrap; gap: 0 .4rem; }
.facts dt { color: var(--soft); }
details { margin-top: .8rem; }
summary { width: fit-content; padding: .1rem 0; color: var(--accent); font-size: .92rem; cursor: pointer; }
pre { margin-top: .5rem; padding: .8rem 1rem; background: var(--code); border-radius: .5rem; white-space: pre-wrap; font-size: .9rem; line-height: 1.5; }
.back { margin-bottom: 1rem; font-size: .92rem; }
.foot { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem 2.5rem; color: var(--soft); font-size: .88rem; }

@media (max-width: 48rem) {
  html { scroll-padding-top: 1rem; }
  .top { position: static; }
  .bar { padding: .6rem 1rem .8rem; }
  .brand { flex-basis: 100%; }
  .search { max-width: none; flex-basis: 100%; }
  .search kbd { display: none; }
  .search input { padding-right: .8rem; }
  .tabs:not(:has([aria-current])) { margin-left: -.75rem; }
  .frame { padding: 1.5rem 1rem 3rem; }
  .foot { padding: 0 1rem 2rem; }
  .entry { padding: 1rem; }
  h1 { font-size: 1.6rem; }
  .badge { white-space: normal; }
}
@media (max-width: 34rem) {
  table, thead, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  th, td { padding: 0; border: 0; }
  tbody tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
}
@media print {
  :root { --page: #ffffff; --code: #ffffff; }
  .top { position: static; border: 0; }
  .search, .contents, .count, .skip, .back, .tabs, summary { display: none; }
  .frame, .bar, .foot { padding-left: 0; padding-right: 0; max-width: none; }
  .frame.wide { grid-template-columns: minmax(0, 1fr); }
  .entry { break-inside: avoid; }
  pre { border: 1px solid var(--line); }
  details::details-content { content-visibility: visible; block-size: auto; }
  .badge { border: 1px solid currentcolor; }
}
`

/** Without it everything is there, and nothing is searched. */
export const script = `
(() => {
  const form = document.getElementById("_search")
  if (form === null) return
  const input = document.getElementById("_q")
  const count = document.getElementById("_count")
  const nothing = document.getElementById("_nothing")
  const found = [...document.querySelectorAll("[data-find]")]
  const groups = [...document.querySelectorAll("[data-group]")]
  const shown = (element) => element.querySelector("[data-find]:not([hidden])") !== null

  const show = () => {
    const text = input.value.trim()
    const words = text.toLowerCase().split(/\\s+/).filter((word) => word !== "")
    let entries = 0
    for (const element of found) {
      element.hidden = !words.every((word) => element.dataset.find.includes(word))
      if (!element.hidden && element.matches("article")) entries++
    }
    for (const group of groups) group.hidden = !shown(group)
    nothing.hidden = entries > 0
    nothing.firstElementChild.textContent = "Nothing found for \\u201c" + text + "\\u201d"
    const said = text === "" ? count.dataset.all : entries + " of " + count.dataset.all
    if (count.textContent !== said) count.textContent = said
    const url = new URL(location.href)
    if (text === "") url.searchParams.delete("q")
    else url.searchParams.set("q", text)
    try {
      if (url.href !== location.href) history.replaceState(null, "", url)
    } catch {
      // A file has an address that cannot be changed everywhere.
    }
  }
  const clear = () => {
    input.value = ""
    show()
  }
  // Somebody was sent here: what is searched for must not hide it.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1))
    if (target === null || target.closest("[hidden]") === null) return
    clear()
    target.scrollIntoView()
  }

  form.hidden = false
  input.value = new URLSearchParams(location.search).get("q") ?? ""
  show()
  reveal()
  addEventListener("hashchange", reveal)
  input.addEventListener("input", show)
  nothing.querySelector("button").addEventListener("click", () => {
    clear()
    input.focus()
  })
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    document.querySelector("article:not([hidden]) .head a")?.focus()
  })
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return
    event.preventDefault()
    if (input.value === "") input.blur()
    else clear()
  })
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target.closest("input, textarea, select, [contenteditable]") !== null) return
    event.preventDefault()
    input.focus()
    input.select()
  })
})()
`

export const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%233446b8'/%3E%3Cpath d='M4.5 4.5h7M4.5 8h7M4.5 11.5h4' stroke='white' stroke-width='1.6' stroke-linecap='round'/%3E%3C/svg%3E"

/** Of the texts above, in base64; a test compares them. */
const hashes = {
  style: "sha256-FxgLvxI2qtrt+dOo7un3s2B4JSaR8SzZV5hAw+kp6ag=",
  script: "sha256-lqIi/3wQa5Phd4WBkF0gvq5ebizl6BAALyOL71ROEiw="
}

/** What a browser may do with the page, also when it is a file. */
export const policy = `default-src 'none'; style-src '${hashes.style}'; script-src '${hashes.script}'; img-src data:; base-uri 'none'; form-action 'none'`
