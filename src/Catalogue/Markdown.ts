/**
 * A catalogue as Markdown, for a repository: entries keep their order and their lines, so that differences are small.
 */
import * as Anchors from "../internal/anchors.js"
import * as JsonSchema from "../internal/jsonSchema.js"
import { codeSpans, paragraphs } from "../internal/legible.js"
import { code, fence, paragraph, table, text } from "../internal/markdown.js"
import type * as Data from "./Data.js"
import { collapseText, defaultTitle, type Options } from "./Words.js"

export const render = (catalogue: Data.Catalogue, { title = defaultTitle }: Options = {}): string => {
  const anchor = Anchors.make()
  const errors = catalogue.errors.map((entry) => ({
    entry,
    anchor: anchor([entry.id, `${entry.id}-${entry.status}`])
  }))
  const events = catalogue.auditEvents.map((entry) => ({ entry, anchor: anchor([entry.type, `${entry.type}-event`]) }))
  const parts = [
    `# ${text(title)}`,
    "## Errors",
    ...(errors.length === 0 ? ["There are none."] : [errorTable(errors), ...errors.flatMap(errorSection)]),
    "## Audit events",
    ...(events.length === 0 ? ["There are none."] : [eventTable(events), ...events.flatMap(eventSection)])
  ]
  return parts.join("\n\n") + "\n"
}

interface Placed<Entry> {
  readonly entry: Entry
  readonly anchor: string
}

const link = (name: string, anchor: string): string => `[${code(name)}](#${anchor})`

const heading = (name: string, anchor: string): string => `### <a id="${anchor}"></a>${code(name)}`

const errorTable = (errors: ReadonlyArray<Placed<Data.ErrorEntry>>): string =>
  table(
    ["Status", "Id", "Message", "Extension"],
    errors.map(({ entry, anchor }) => [
      String(entry.status),
      `${link(entry.id, anchor)}${deprecation(entry)}`,
      code(entry.message),
      text(entry.extension)
    ])
  )

const eventTable = (events: ReadonlyArray<Placed<Data.EventEntry>>): string =>
  table(
    ["Level", "Type", "Message", "Extension"],
    events.map(({ entry, anchor }) => [
      entry.level,
      `${link(entry.type, anchor)}${deprecation(entry)}`,
      code(entry.message),
      text(entry.extension)
    ])
  )

const deprecation = ({ deprecated }: { readonly deprecated?: string }): string =>
  deprecated === undefined ? "" : " (deprecated)"

const errorSection = ({ entry, anchor }: Placed<Data.ErrorEntry>): ReadonlyArray<string> => [
  heading(entry.id, anchor),
  [
    `**${entry.status} ${text(entry.reason)}**`,
    ...(entry.isDefault ? ["the default for its status"] : []),
    ...(entry.exceptions.length === 0 ? [] : [`for ${entry.exceptions.map(code).join(", ")}`]),
    ...origin(entry)
  ].join(", "),
  ...prose(entry),
  ...Object.entries(entry.headers).map(([name, value]) => `Header ${code(name)}, such as ${code(value)}`),
  ...(entry.example === undefined ? [] : [fence("json", JSON.stringify(entry.example, undefined, 2))])
]

const eventSection = ({ entry, anchor }: Placed<Data.EventEntry>): ReadonlyArray<string> => [
  heading(entry.type, anchor),
  [`**${entry.level}**`, ...origin(entry)].join(", "),
  ...prose(entry),
  ...(entry.collapse === undefined ? [] : [text(collapseText(entry.collapse))])
]

type About = Data.ErrorEntry | Data.EventEntry

const origin = ({ extension, since }: About): ReadonlyArray<string> => [
  `from ${text(extension)}`,
  ...(since === undefined ? [] : [`since ${text(since)}`])
]

const prose = ({ message, description, deprecated, fields }: About): ReadonlyArray<string> => [
  ...(deprecated === undefined ? [] : [`**Deprecated:** ${withCode(deprecated)}`]),
  code(message),
  ...paragraphs(description ?? "").map(withCode),
  ...fieldTable(fields)
]

const fieldTable = (fields: JsonSchema.JsonObject): ReadonlyArray<string> => {
  const properties = JsonSchema.propertiesOf(fields)
  if (properties.length === 0) return []
  const rows = properties.map((property) => [
    code(property.name),
    `${text(JsonSchema.describe(fields, property.schema))}${JsonSchema.isOptional(property) ? ", optional" : ""}`,
    text(JsonSchema.descriptionOf(property.schema) ?? "")
  ])
  return [table(["Field", "Type", "Description"], rows)]
}

/** Names of things stand between backticks, as in comments. */
const withCode = (words: string): string =>
  codeSpans(words)
    .map((span, nth) => (span.isCode ? code(span.text) : nth === 0 ? paragraph(span.text) : text(span.text)))
    .join("")
