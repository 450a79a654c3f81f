/**
 * The environment variables that OpenTelemetry specifies for exporters of logs, read through `Config`. Those with `LOGS` in them
 * go before the general ones, and an empty one counts as not given.
 */
import { Config, ConfigError, Duration, Either, Option, Redacted } from "effect"

const given = (key: string): Config.Config<Option.Option<string>> =>
  Config.map(
    Config.option(Config.redacted(key)),
    // Nothing else may show what is in it.
    Option.filterMap((text) => Option.liftPredicate(Redacted.value(text).trim(), (text) => text !== ""))
  )

/** A setting of its own for logs, or else the one for all signals; under its key, so that what is wrong is named. */
const setting = <A>(
  name: string,
  expected: string,
  parse: (text: string, isOfLogs: boolean) => A | undefined
): Config.Config<A | undefined> => {
  const read = (key: string, isOfLogs: boolean) =>
    Config.mapOrFail(
      given(key),
      Option.match({
        onNone: () => Either.right(undefined),
        onSome: (text) =>
          Either.fromNullable(parse(text, isOfLogs), () => ConfigError.InvalidData([key], `Expected ${expected}`))
      })
    )
  return Config.map(
    Config.all([read(`OTEL_EXPORTER_OTLP_LOGS_${name}`, true), read(`OTEL_EXPORTER_OTLP_${name}`, false)]),
    ([ofLogs, general]) => ofLogs ?? general
  )
}

/** That of logs is the whole URL, the general one what `v1/logs` lies beneath. */
const endpoint = setting("ENDPOINT", "a URL such as http://localhost:4318", (text, isOfLogs) => {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (!isOfLogs) url.pathname = url.pathname.replace(/\/*$/, "/v1/logs")
  return url.href
})

/** `key1=value1,key2=value2`, as W3C Baggage without properties: `%2C` is a comma. */
const pairsOf = (text: string): Readonly<Record<string, string>> | undefined => {
  const pairs: Array<readonly [string, string]> = []
  for (const member of text.split(",")) {
    if (member.trim() === "") continue
    const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/s.exec(member) ?? []
    const pair = [decoded(name), decoded(value)] as const
    if (pair[0] === undefined || pair[1] === undefined) return undefined
    pairs.push([pair[0], pair[1]])
  }
  return Object.fromEntries(pairs)
}

const decoded = (text: string | undefined): string | undefined => {
  try {
    return text && decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const pairs = "pairs such as name1=value1,name2=value2, with a comma inside a value as %2C"

const headers = setting("HEADERS", pairs, (text) => {
  const given = pairsOf(text)
  return given && Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Redacted.make(value)]))
})

/** In milliseconds. 0 is no limit. */
const timeout = setting("TIMEOUT", "a number of milliseconds", (text) =>
  /^\d{1,15}$/.test(text) ? (Number(text) === 0 ? Duration.infinity : Duration.millis(Number(text))) : undefined
)

const compress = setting("COMPRESSION", "gzip or none", (text) => ({ gzip: true, none: false })[text.toLowerCase()])

/** Only to be checked: collectors take both of them at the same URL. */
const protocol = setting("PROTOCOL", "http/json or http/protobuf, since audit records are not sent over gRPC", (text) =>
  ["http/json", "http/protobuf"].find((protocol) => protocol === text.toLowerCase())
)

const attributes = Config.mapOrFail(
  given("OTEL_RESOURCE_ATTRIBUTES"),
  Option.match({
    onNone: () => Either.right({}),
    onSome: (text) =>
      Either.fromNullable(pairsOf(text), () =>
        ConfigError.InvalidData(["OTEL_RESOURCE_ATTRIBUTES"], `Expected ${pairs}`)
      )
  })
)

export const config = Config.all({
  url: Config.map(endpoint, (url) => url ?? "http://localhost:4318/v1/logs"),
  headers,
  timeout,
  compress,
  protocol,
  serviceName: given("OTEL_SERVICE_NAME"),
  attributes
}).pipe(
  Config.map(({ attributes, compress, headers, serviceName, timeout, url }) => {
    const all: Readonly<Record<string, string>> = attributes
    const resource = {
      serviceName: Option.getOrElse(serviceName, () => all["service.name"] ?? "unknown_service"),
      attributes: all
    }
    return { url, headers, timeout, compress, resource }
  })
)
