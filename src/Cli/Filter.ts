/**
 * Which records the commands show: the options they share, and what those mean.
 */
import * as Options from "@effect/cli/Options"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import { Clock, DateTime, Effect, Either, Option } from "effect"
import type { Contents } from "../AuditRecord.js"
import type { Query } from "../AuditStore.js"
import { isAtLeast, levels, type Level, toWire, wireLevels } from "../internal/level.js"
import * as Moment from "../internal/moment.js"

const names = levels.map((level) => level.toLowerCase())

const moment = (name: string) =>
  Options.text(name).pipe(
    Options.mapEffect((text) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Either.mapLeft(Moment.parse(text, now), (problem) => ValidationError.invalidValue(HelpDoc.p(problem)))
      )
    ),
    Options.optional
  )

const level = Options.text("level").pipe(
  Options.filterMap(
    (text) => Option.map(Option.fromNullable(levels.find((level) => isName(text, level))), toWire),
    `The levels are ${names.join(", ")}`
  ),
  Options.withDescription(`Only records of this level or a higher one: ${names.join(", ")}`),
  Options.optional
)

/** As it is named in code, or on the line. */
const isName = (text: string, level: Level) =>
  [level.toLowerCase(), toWire(level).toLowerCase()].includes(text.toLowerCase())

export const options = {
  type: Options.text("type").pipe(
    Options.withDescription("Only events of this type, in which * stands for anything; may be repeated"),
    Options.repeated
  ),
  level,
  user: Options.text("user").pipe(Options.withDescription("Only records of this user"), Options.optional),
  request: Options.text("request").pipe(
    Options.withDescription("Only records of the request with this id, which its answer has as x-request-id"),
    Options.optional
  ),
  trace: Options.text("trace").pipe(
    Options.withDescription("Only records of the trace with this id (W3C Trace Context)"),
    Options.optional
  ),
  instance: Options.text("instance").pipe(
    Options.withDescription("Only records of this instance; of stores and streams"),
    Options.optional
  ),
  since: moment("since").pipe(
    Options.withDescription("Only records from this moment on: a date in UTC, or how long ago, such as 15m, 2h or 1d")
  ),
  until: moment("until").pipe(Options.withDescription("Only records before this moment, given as for --since")),
  grep: Options.text("grep").pipe(
    Options.withDescription("Only records that contain this text, in the message or on the stored line"),
    Options.optional
  )
}

export interface Filter {
  readonly type: ReadonlyArray<string>
  readonly level: Option.Option<Contents["level"]>
  readonly user: Option.Option<string>
  readonly request: Option.Option<string>
  readonly trace: Option.Option<string>
  readonly instance: Option.Option<string>
  readonly since: Option.Option<string>
  readonly until: Option.Option<string>
  readonly grep: Option.Option<string>
}

export interface Predicate {
  readonly record: (record: Contents, line: string) => boolean
  /** A line that is no record has nothing but its text. */
  readonly other: (line: string) => boolean
}

export const toPredicate = (filter: Filter): Predicate => {
  const types = filter.type.map(toPattern)
  const level = Option.getOrUndefined(filter.level)
  const user = Option.getOrUndefined(filter.user)
  const request = Option.getOrUndefined(filter.request)
  const trace = Option.getOrUndefined(filter.trace)?.toLowerCase()
  const since = Option.getOrUndefined(filter.since)
  const until = Option.getOrUndefined(filter.until)
  const grep = Option.getOrUndefined(filter.grep)
  return {
    record: ({ event, level: found, date, message }, line) =>
      (types.length === 0 || types.some((type) => type.test(event.type))) &&
      (level === undefined || isAtLeast(found, level)) &&
      (user === undefined || event.details["user"] === user) &&
      (request === undefined || event.requestId === request) &&
      (trace === undefined || event.traceId === trace) &&
      (since === undefined || date >= since) &&
      (until === undefined || date < until) &&
      (grep === undefined || line.includes(grep) || message.includes(grep)),
    other: (line) =>
      types.length === 0 &&
      [level, user, request, trace, since, until].every((given) => given === undefined) &&
      (grep === undefined || line.includes(grep))
  }
}

/** Whether it lets all records of an instance pass. */
export const isOpen = ({ grep, level, request, since, trace, type, until, user }: Filter): boolean =>
  type.length === 0 && [level, user, request, trace, since, until, grep].every((given) => Option.isNone(given))

/** What a store is asked for: no less than what passes, so that all of it has to be looked at here. */
export const toQuery = (filter: Filter): Query => {
  const prefixes = filter.type.map(toPrefix)
  return {
    instance: Option.getOrUndefined(filter.instance),
    types: prefixes.length === 0 || prefixes.includes("*") ? undefined : prefixes,
    level: Option.getOrUndefined(Option.map(filter.level, (level) => levels[wireLevels.indexOf(level)])),
    user: Option.getOrUndefined(filter.user),
    requestId: Option.getOrUndefined(filter.request),
    since: Option.getOrUndefined(Option.map(filter.since, (date) => DateTime.unsafeMake(date))),
    until: Option.getOrUndefined(Option.map(filter.until, (date) => DateTime.unsafeMake(date)))
  }
}

/** A store knows the beginning of a long type only. */
const toPrefix = (type: string): string =>
  type.includes("*")
    ? `${Array.from(type.slice(0, type.indexOf("*")))
        .slice(0, 64)
        .join("")}*`
    : type

const toPattern = (type: string) => new RegExp(`^${type.split("*").map(literally).join("[^]*")}$`)

const literally = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
