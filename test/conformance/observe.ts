/**
 * What an application did, in the form in which the file says what the original did.
 */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { ConsoleLine } from "./console.js"
import type { NoAnswer, Response } from "./requests.js"

const comparedHeaders = ["allow", "retry-after", "www-authenticate", "location", "x-case"]

export const response = ({ status, headers, body }: Response) => {
  const sent: Record<string, string> = {}
  for (const name of comparedHeaders) {
    const value = headers.get(name)
    if (value !== undefined) sent[name] = name === "allow" ? value.split(/, */).sort().join(", ") : value
  }
  const contentType = headers.get("content-type") ?? null
  return { status, content_type: contentType, headers: sent, body: bodyOf(body.toString(), contentType) }
}

export const noAnswer = ({ reason }: NoAnswer) => ({ no_answer: reason })

const bodyOf = (text: string, contentType: string | null) => {
  if (text === "") return null
  if (contentType?.startsWith("text/html") === true && /^<!doctype html/i.test(text)) return { text: "$html" }
  if (contentType?.startsWith("application/json") !== true) return { text }
  const json = parse(text)
  return json === undefined ? { text } : { json }
}

/** The different ones of the answers to one request that was made several times. */
export const repeated = (answers: ReadonlyArray<unknown>) => ({
  times: answers.length,
  distinct: [...new Map(answers.map((answer) => [JSON.stringify(answer), answer])).values()]
})

/** A log line, with the date left out where it is one in our format. */
const line = (text: string): unknown => {
  const parsed = parse(text)
  if (typeof parsed !== "object" || parsed === null) return { $raw: text }
  return "date" in parsed && typeof parsed.date === "string" && isDate.test(parsed.date)
    ? { ...parsed, date: "$date" }
    : parsed
}

const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const linesOf = (text: string) => text.split("\n").filter((each) => each !== "" && !isOfTrail(each))

/** What the file records about itself, which the original does not do. */
const isOfTrail = (text: string) =>
  /"type":"registrar-trail-[a-z]+"/.test(text) && text.endsWith('"source":"effect-registrar"}')

/** The lines of a log: those in its file, and those on the console. */
export const log = async (
  sinks: { readonly file?: unknown; readonly stdout?: unknown },
  path: string,
  written: ReadonlyArray<ConsoleLine>,
  kind: "audit" | "application"
) => ({
  ...(sinks.file === undefined ? {} : { file: linesOf(await readFile(path, "utf8")).map(line) }),
  ...(sinks.stdout === undefined ? {} : { console: onConsole(written.filter(({ text }) => kindOf(text) === kind)) })
})

const onConsole = (lines: ReadonlyArray<ConsoleLine>) => ({
  stream: [...new Set(lines.map(({ stream }) => stream))].join(" and "),
  lines: lines.map(({ text }) => line(text))
})

/** What stands on the console besides the lines of the logs. */
export const plain = (written: ReadonlyArray<ConsoleLine>): ReadonlyArray<string> =>
  written.filter(({ text }) => kindOf(text) === undefined).map(({ text }) => text)

const kindOf = (text: string): "audit" | "application" | undefined => {
  const parsed = parse(text)
  if (typeof parsed !== "object" || parsed === null) return undefined
  return "event" in parsed ? "audit" : "module" in parsed ? "application" : undefined
}

/** The files of a log, newest first, in place of their lines. */
export const files = async (folder: string, name: string, atOnce: boolean) => {
  // Ours grow with time.
  const numberOf = (file: string) => -Number(file.slice(name.length + 1) || Infinity)
  const names = (await readdir(folder)).filter((file) => file === name || /^\.\d+$/.test(file.slice(name.length)))
  const sorted = names.filter((file) => file.startsWith(name)).sort((one, other) => numberOf(one) - numberOf(other))
  const all = await Promise.all(sorted.map(async (file) => contents(file, await readFile(join(folder, file), "utf8"))))
  if (!atOnce) return all.map(({ described }) => described)
  const seqs = all.flatMap((file) => file.seqs)
  return {
    files: all.map(({ described: { name, records } }) => ({ name, records })),
    every_seq_once: new Set(seqs).size === seqs.length && seqs.every((seq) => seq !== undefined && seq < seqs.length),
    records: seqs.length
  }
}

const contents = (name: string, text: string) => {
  const lines = linesOf(text)
  const seqs = lines.map(seqOf)
  const first = seqs.at(0)
  const last = seqs.at(-1)
  const described = {
    name,
    bytes: Buffer.byteLength(lines.map((each) => `${each}\n`).join("")),
    records: lines.length,
    ...(first === undefined ? {} : { first_seq: first }),
    ...(last === undefined ? {} : { last_seq: last }),
    line_bytes: [...new Set(lines.map((each) => Buffer.byteLength(each) + 1))].sort((one, other) => one - other)
  }
  return { described, seqs }
}

/** The number that a line of these cases carries, as the original's do. */
const seqOf = (text: string): number | undefined => {
  const match = /"seq": ?(\d+)/.exec(text)
  return match === null ? undefined : Number(match[1])
}
