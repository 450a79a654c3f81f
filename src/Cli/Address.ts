/**
 * The addresses of stores and streams, as somebody gives them on a command line, and as they may be shown: without what lets anybody in.
 */
import { Either, Redacted } from "effect"
import { visible } from "../internal/visible.js"
import { CliError } from "./CliError.js"

export type Address =
  | { readonly _tag: "Postgres"; readonly shown: string; readonly url: Redacted.Redacted }
  | { readonly _tag: "Sqlite"; readonly shown: string; readonly path: string }
  | {
      readonly _tag: "Nats"
      readonly shown: string
      readonly server: Redacted.Redacted
      readonly stream: string
      /** What the subjects begin with. */
      readonly prefix: string | undefined
      /** The file with the credentials. */
      readonly credentials: string | undefined
    }

/** Whether it is no file. A file with such a name is given as `./sqlite:name`. */
export const isAddress = (text: string): boolean => /^(?:[a-z][a-z0-9+.-]*:\/\/|sqlite:)/i.test(text)

export const parse = (text: string): Either.Either<Address, CliError> => {
  const scheme = text.slice(0, text.indexOf(":")).toLowerCase()
  if (scheme === "sqlite") {
    const path = text.slice("sqlite:".length).replace(/^\/\//, "")
    return path === "" ? wrong(text, "has no path: give 'sqlite:PATH'") : Either.right(sqlite(text, path))
  }
  const isPostgres = scheme === "postgres" || scheme === "postgresql"
  if (!isPostgres && scheme !== "nats" && scheme !== "tls") {
    return wrong(text, "is no store that can be read: give postgres://…, sqlite:PATH or nats://…")
  }
  const url = toUrl(text)
  if (url === undefined || isAmbiguous(url)) return wrong(text, `is no address: ${encodeIt}`)
  return isPostgres ? Either.right({ _tag: "Postgres", shown: show(text), url: Redacted.make(text) }) : nats(text, url)
}

const sqlite = (text: string, path: string): Address => ({ _tag: "Sqlite", shown: text, path })

const nats = (text: string, url: URL): Either.Either<Address, CliError> => {
  const [, stream = ""] = /^\/([^/]+)\/?$/.exec(url.pathname) ?? []
  if (stream === "" || url.hostname === "") return wrong(text, "names no stream: give 'nats://HOST:PORT/STREAM'")
  const login = url.username === "" ? "" : `${url.username}${url.password === "" ? "" : `:${url.password}`}@`
  return Either.right({
    _tag: "Nats",
    shown: show(text),
    server: Redacted.make(`${url.protocol}//${login}${url.host}`),
    stream,
    prefix: url.searchParams.get("prefix") ?? undefined,
    credentials: url.searchParams.get("creds") ?? undefined
  })
}

const wrong = (text: string, what: string) => Either.left(new CliError({ description: `'${show(text)}' ${what}` }))

const encodeIt =
  "what has a meaning in addresses, such as '@', '/' or '#' in a password, is written as '%40', '%2F' or '%23'"

/**
 * Of an address, what may be seen: no user, for that may be a token, no password, and no parameters. Where a password was not
 * encoded, parts of it look like something else, so that nothing is shown.
 */
export const show = (text: string): string => {
  if (!isAddress(text) || /^sqlite:/i.test(text)) return visible(text)
  const scheme = text.slice(0, text.indexOf(":")).toLowerCase()
  const url = toUrl(text)
  return url === undefined || isAmbiguous(url) ? `${scheme}://…` : visible(`${scheme}://${url.host}${url.pathname}`)
}

/** What comes before an `@` is a user and a password, also where it does not look like it. */
const isAmbiguous = (url: URL): boolean => (url.pathname + url.search + url.hash).includes("@")

const toUrl = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
