/**
 * What a server adapter and the application tell each other about requests that never reach a handler.
 */
import { Context } from "effect"

/** The statuses of such requests: refused by the parser, or with no application there to answer. */
export type Status = 400 | 408 | 413 | 431 | 503

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A server adapter provides it and asks it; `HttpErrors.layer` puts the answers of its registry in the place of the built-in ones. */
export class ServerErrors extends Context.Tag("effect-registrar/internal/ServerErrors")<
  ServerErrors,
  { answer: (status: Status) => Answer }
>() {}
