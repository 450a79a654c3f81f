/**
 * What a server adapter and the application tell each other about requests that no handler can answer.
 */
import type { HttpServerRequest } from "@effect/platform"
import { Context } from "effect"

/** The statuses of such answers: refused by the parser, by the server itself, or with no application there. */
export type Status = 400 | 408 | 413 | 417 | 431 | 500 | 501 | 503

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly contentType: string
  readonly body: string
}

/** A server adapter provides it. `HttpErrors.layer` puts the answers of its registry in the place of the built-in ones. */
export class ServerErrors extends Context.Tag("effect-registrar/internal/ServerErrors")<
  ServerErrors,
  {
    answer: (status: Status) => Answer
    /** Answers a request whose response could not be sent or, where a part of that is already out, cuts it off. */
    readonly abandon: (request: HttpServerRequest.HttpServerRequest) => void
  }
>() {}
