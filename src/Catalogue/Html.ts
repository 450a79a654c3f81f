/**
 * A catalogue as pages: the lists and one page for each id, where it is served, and all in one file.
 */
import * as Anchors from "../internal/anchors.js"
import { markup, raw, type Content, type Markup } from "../internal/html.js"
import * as JsonSchema from "../internal/jsonSchema.js"
import { codeSpans, paragraphs } from "../internal/legible.js"
import type * as Data from "./Data.js"
import { icon, policy, script, style } from "./Page.js"
import { collapseText, defaultTitle, type Options } from "./Words.js"

/** Everything in one file that needs no other. */
export const document = (catalogue: Data.Catalogue, options?: Options): string => {
  const name = anchors()
  const parts = [errorsOf(catalogue, name), eventsOf(catalogue, name)]
  return page({
    ...options,
    heading: undefined,
    tabs: parts.map((part) => markup`<a href="#${part.anchor}">${part.title}</a>`),
    contents: parts.map(
      (part) => markup`
        <div data-group>
          <p class="which">${part.title}</p>
          ${contentsOf(part, ({ anchor }) => `#${anchor}`)}
        </div>
      `
    ),
    isSearched: true,
    count: parts.map(({ count }) => count).join(" and "),
    body: parts.map(
      (part) => markup`
        <section class="part" data-group id="${part.anchor}" aria-labelledby="${part.anchor}-title">
          <h2 id="${part.anchor}-title">${part.title}</h2>
          <p class="lead">${part.lead}</p>
          ${groupsOf(part, ({ anchor }) => `#${anchor}`, 3)}
        </section>
      `
    )
  })
}

export const errors = (catalogue: Data.Catalogue, options?: Options): string =>
  list(catalogue, errorsOf(catalogue, anchors()), options)

export const auditEvents = (catalogue: Data.Catalogue, options?: Options): string =>
  list(catalogue, eventsOf(catalogue, anchors()), options)

/** All statuses of one id. */
export const error = (catalogue: Data.Catalogue, errors: ReadonlyArray<Data.ErrorEntry>, options?: Options): string =>
  one(catalogue, errorsOf(catalogue, anchors()), errorsOf({ ...catalogue, errors }, anchors()), options)

export const auditEvent = (
  catalogue: Data.Catalogue,
  auditEvents: ReadonlyArray<Data.EventEntry>,
  options?: Options
): string => one(catalogue, eventsOf(catalogue, anchors()), eventsOf({ ...catalogue, auditEvents }, anchors()), options)

// What is shown

/** Errors or audit events: both are shown in the same way. */
interface Part {
  readonly anchor: string
  readonly path: string
  readonly title: string
  readonly lead: string
  readonly count: string
  readonly groups: ReadonlyArray<Group>
}

interface Group {
  readonly extension: string
  readonly entries: ReadonlyArray<Shown>
}

interface Shown {
  readonly name: string
  readonly title: string
  readonly anchor: string
  /** What tells it from another of the same name. */
  readonly mark: string
  readonly find: string
  readonly badge: Markup
  readonly isDeprecated: boolean
  readonly body: (isOpen: boolean) => Markup
}

/** The page's own names come first, so that no id takes them away. */
const anchors = () => {
  const name = Anchors.make()
  for (const own of ["_main", "_search", "_q", "_count", "_nothing", "_errors", "_audit-events"]) {
    name([own])
    name([`${own}-title`])
  }
  return name
}

const errorsOf = ({ errors }: Data.Catalogue, name: ReturnType<typeof anchors>): Part => ({
  anchor: "_errors",
  path: "errors",
  title: "Errors",
  lead: "What the application answers when a request fails. Programs go by the id, which stays the same; the message is for people.",
  count: counted(errors.length, "error"),
  groups: grouped(errors, (entry) => ({
    name: entry.id,
    title: entry.title,
    anchor: name([entry.id, `${entry.id}-${entry.status}`]),
    mark: String(entry.status),
    find: searched(entry, [entry.id, String(entry.status), entry.reason, ...entry.exceptions]),
    badge: markup`<span class="badge ${entry.status < 500 ? "warning" : "error"}">${entry.status} ${entry.reason}</span>`,
    isDeprecated: entry.deprecated !== undefined,
    body: (isOpen) => markup`
      ${prose(entry)} ${fieldTable(entry.fields, "The details of the answer")}
      ${facts([
        ["Headers", Object.keys(entry.headers).map(code)],
        ["Answers for", entry.exceptions.map(code)],
        ["Default for", entry.isDefault ? [String(entry.status)] : []],
        ["Since", entry.since === undefined ? [] : [entry.since]]
      ])}
      ${example(entry, isOpen)}
    `
  }))
})

const eventsOf = ({ auditEvents }: Data.Catalogue, name: ReturnType<typeof anchors>): Part => ({
  anchor: "_audit-events",
  path: "audit-events",
  title: "Audit events",
  lead: "What the application writes to its audit trail. Records also tell the ip, the path and the user, where they are known.",
  count: counted(auditEvents.length, "audit event"),
  groups: grouped(auditEvents, (entry) => ({
    name: entry.type,
    title: entry.title,
    anchor: name([entry.type, `${entry.type}-event`]),
    mark: "",
    find: searched(entry, [entry.type, entry.level]),
    badge: markup`<span class="badge ${entry.level.toLowerCase()}">${entry.level}</span>`,
    isDeprecated: entry.deprecated !== undefined,
    body: () => markup`
      ${prose(entry)} ${fieldTable(entry.fields, "The details of the record")}
      ${facts([
        ["Repeated", entry.collapse === undefined ? [] : [collapseText(entry.collapse)]],
        ["Since", entry.since === undefined ? [] : [entry.since]]
      ])}
    `
  }))
})

type About = Data.ErrorEntry | Data.EventEntry

const grouped = <Entry extends About>(
  entries: ReadonlyArray<Entry>,
  show: (entry: Entry) => Shown
): ReadonlyArray<Group> =>
  [...new Set(entries.map(({ extension }) => extension))].map((extension) => ({
    extension,
    entries: entries.filter((entry) => entry.extension === extension).map(show)
  }))

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

/** What the search looks at. */
const searched = (entry: About, others: ReadonlyArray<string>): string =>
  [
    ...others,
    entry.title,
    entry.message,
    entry.extension,
    entry.description ?? "",
    entry.deprecated === undefined ? "" : `deprecated ${entry.deprecated}`,
    ...JsonSchema.propertiesOf(entry.fields).map(({ name }) => name)
  ]
    .join(" ")
    .toLowerCase()

// Pages

const list = ({ auditEvents }: Data.Catalogue, part: Part, options?: Options): string =>
  page({
    ...options,
    heading: part.title,
    tabs: tabs(part, "", auditEvents.length),
    contents: contentsOf(part, ({ anchor }) => `#${anchor}`),
    isSearched: true,
    count: part.count,
    lead: part.lead,
    body: groupsOf(part, ({ name }) => `${part.path}/${Anchors.segment(name)}`, 2),
    foot: footer("")
  })

/** A page about what is in `shown`, with all of its kind in the contents. */
const one = ({ auditEvents }: Data.Catalogue, all: Part, shown: Part, options?: Options): string => {
  const entries = shown.groups.flatMap(({ entries }) => entries)
  const { name = "", title = "" } = entries[0] ?? {}
  const owners = shown.groups.map(({ extension }) => extension)
  return page({
    ...options,
    heading: title,
    headingContent: markup`<code>${name}</code>`,
    tabs: tabs(all, "../", auditEvents.length),
    contents: contentsOf(
      all,
      (entry) => Anchors.segment(entry.name),
      (entry) => entry.name === name
    ),
    isSearched: false,
    back: markup`<p class="back"><a href="../${all.path}">All ${all.title.toLowerCase()}</a></p>`,
    lead: `${title}, from ${owners.join(" and ")}`,
    body: markup`<div class="group">
      ${entries.map(
        (entry) => markup`
          <article class="entry">
            <div class="head"><h2>${entry.badge}</h2> ${deprecatedBadge(entry)}</div>
            ${entry.body(true)}
          </article>
        `
      )}
    </div>`,
    foot: footer("../")
  })
}

const footer = (up: string): Markup =>
  markup`<footer class="foot"><a href="${up}catalogue.json">The catalogue as JSON</a></footer>`

const tabs = (current: Part, up: string, events: number): ReadonlyArray<Content> => [
  tab("errors", "Errors", current, up),
  events === 0 ? undefined : tab("audit-events", "Audit events", current, up)
]

const tab = (path: string, title: string, current: Part, up: string): Markup =>
  current.path === path
    ? markup`<a href="${up}${path}" aria-current="${up === "" ? "page" : "true"}">${title}</a>`
    : markup`<a href="${up}${path}">${title}</a>`

interface Page extends Options {
  /** What the page is about; the whole has the title alone. */
  readonly heading: string | undefined
  readonly headingContent?: Markup
  readonly tabs: ReadonlyArray<Content>
  readonly contents: ReadonlyArray<Markup>
  readonly isSearched: boolean
  readonly back?: Markup
  readonly lead?: string
  readonly count?: string
  readonly body: Content
  readonly foot?: Markup
}

const page = ({ title = defaultTitle, heading, body, count, isSearched, ...given }: Page): string => {
  const name = heading === undefined ? title : `${heading} - ${title}`
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <title>${name}</title>
        <link rel="icon" href="${icon}" />
        <style>${raw(style)}</style>
      </head>
      <body>
        <a class="skip" href="#_main">Skip to the entries</a>
        <header class="top">
          <div class="bar">
            <p class="brand" dir="auto">${title}</p>
            <nav class="tabs" aria-label="Pages">${given.tabs}</nav>
            ${isSearched ? searchForm : undefined}
          </div>
        </header>
        <div class="frame wide">
          <nav class="contents" aria-label="Contents">${given.contents}</nav>
          <main id="_main" tabindex="-1">
            ${given.back}
            <h1 dir="auto">${given.headingContent ?? heading ?? title}</h1>
            ${given.lead === undefined ? undefined : markup`<p class="lead" dir="auto">${given.lead}</p>`}
            ${count === undefined ? undefined : markup`<p class="count" id="_count" role="status" data-all="${count}">${count}</p>`}
            ${body} ${isSearched ? nothing : undefined}
          </main>
        </div>
        ${given.foot}
        ${isSearched ? markup`<script>${raw(script)}</script>` : undefined}
      </body>
    </html> `.source
}

const searchForm = markup`<form class="search" id="_search" role="search" hidden>
  <input
    type="search"
    id="_q"
    name="q"
    aria-label="Search"
    placeholder="Search"
    autocomplete="off"
    autocapitalize="off"
    spellcheck="false"
    aria-keyshortcuts="/"
  />
  <kbd aria-hidden="true">/</kbd>
</form>`

const nothing = markup`<div class="nothing" id="_nothing" hidden>
  <p>Nothing found</p>
  <button type="button">Show everything</button>
</div>`

// Pieces

const contentsOf = (
  { groups }: Part,
  hrefOf: (shown: Shown) => string,
  isCurrent: (shown: Shown) => boolean = () => false
): ReadonlyArray<Markup> =>
  groups.map(
    ({ extension, entries }) => markup`
      <div data-group>
        <p dir="auto">${extension}</p>
        <ul>
          ${entries.map(
            (shown) => markup`
              <li data-find="${shown.find}">
                <a href="${hrefOf(shown)}"${isCurrent(shown) ? raw(` aria-current="page"`) : undefined}>
                  ${shown.name} ${shown.mark === "" ? undefined : markup`<small>${shown.mark}</small>`}
                </a>
              </li>
            `
          )}
        </ul>
      </div>
    `
  )

const groupsOf = ({ groups }: Part, hrefOf: (shown: Shown) => string, level: 2 | 3): ReadonlyArray<Markup> =>
  groups.map(
    ({ extension, entries }) => markup`
      <section class="group" data-group>
        ${heading(level, markup`<span dir="auto">${extension}</span> <small>${entries.length}</small>`)}
        ${entries.map(
          (shown) => markup`
            <article class="entry" id="${shown.anchor}" data-find="${shown.find}">
              <div class="head">
                ${heading(level + 1, markup`<a href="${hrefOf(shown)}"><code>${shown.name}</code></a>`)} ${shown.badge}
                ${deprecatedBadge(shown)}
              </div>
              ${shown.body(false)}
            </article>
          `
        )}
      </section>
    `
  )

const heading = (level: number, content: Markup): Markup => raw(`<h${level}>${content.source}</h${level}>`)

const deprecatedBadge = ({ isDeprecated }: Shown): Content =>
  isDeprecated ? markup`<span class="badge debug">deprecated</span>` : undefined

const code = (text: string): Markup => markup`<code>${text}</code>`

const prose = ({ message, description, deprecated }: About): Markup => markup`
  <p class="message" dir="auto">${withParameters(message)}</p>
  ${deprecated === undefined ? undefined : markup`<p class="old" dir="auto"><strong>Deprecated.</strong> ${withCode(deprecated)}</p>`}
  ${paragraphs(description ?? "").map((text) => markup`<p class="about" dir="auto">${withCode(text)}</p>`)}
`

/** Names of things stand between backticks, as in comments. */
const withCode = (text: string): ReadonlyArray<Content> =>
  codeSpans(text).map((span) => (span.isCode ? code(span.text) : span.text))

/** As it was written, with its parameters to be seen. */
const withParameters = (message: string): ReadonlyArray<Content> =>
  message.split(/(\{\{|\}\}|\{[^{}]*\})/).map((piece) => (/^\{[^{}]/.test(piece) ? markup`<var>${piece}</var>` : piece))

const fieldTable = (fields: JsonSchema.JsonObject, caption: string): Content => {
  const properties = JsonSchema.propertiesOf(fields)
  if (properties.length === 0) return undefined
  const hasDescriptions = properties.some(({ schema }) => JsonSchema.descriptionOf(schema) !== undefined)
  return markup`<table aria-label="${caption}">
    <thead>
      <tr>
        <th scope="col">Field</th>
        <th scope="col">Type</th>
        ${hasDescriptions ? markup`<th scope="col">Description</th>` : undefined}
      </tr>
    </thead>
    <tbody>
      ${properties.map(
        (property) => markup`
          <tr>
            <th scope="row"><code>${property.name}</code>${JsonSchema.isOptional(property) ? markup` <small>optional</small>` : undefined}</th>
            <td>${JsonSchema.describe(fields, property.schema)}</td>
            ${hasDescriptions ? markup`<td dir="auto">${JsonSchema.descriptionOf(property.schema) ?? ""}</td>` : undefined}
          </tr>
        `
      )}
    </tbody>
  </table>`
}

const facts = (given: ReadonlyArray<readonly [name: string, values: ReadonlyArray<string | Markup>]>): Content => {
  const known = given.filter(([, values]) => values.length > 0)
  if (known.length === 0) return undefined
  return markup`<dl class="facts">
    ${known.map(
      ([name, values]) =>
        markup`<div>
          <dt>${name}</dt>
          ${values.map((value) => markup`<dd>${value}</dd>`)}
        </div>`
    )}
  </dl>`
}

/** As it goes over the wire. */
const example = ({ status, reason, headers, example }: Data.ErrorEntry, isOpen: boolean): Content => {
  if (example === undefined) return undefined
  const lines = [
    `HTTP/1.1 ${status} ${reason}`,
    ...Object.entries({ "content-type": "application/json", ...headers }).map(([name, value]) => `${name}: ${value}`),
    "",
    JSON.stringify(example, undefined, 2)
  ]
  const block = markup`<pre><code>${lines.join("\n")}</code></pre>`
  return isOpen
    ? markup`<details open>
        <summary>Example</summary>
        ${block}
      </details>`
    : markup`<details>
        <summary>Example</summary>
        ${block}
      </details>`
}
