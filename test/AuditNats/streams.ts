/** A stream in memory, to be looked at, and deliveries from it. */
import { Effect } from "effect"
import * as Message from "../../src/AuditNats/Message.js"
import type { Delivery } from "../../src/AuditNats/Pull.js"
import type { Reader, Stored } from "../../src/AuditNats/Trail.js"
import type { chained } from "../support/chains.js"
import { nonEmpty } from "../support/chains.js"

export interface MemoryStream extends Reader {
  /** Puts the records there, in messages of so many bytes and no more of them than `count`, and returns the places. */
  readonly publish: (records: ReturnType<typeof chained>, limit?: number, count?: number) => ReadonlyArray<number>
  readonly publishText: (instance: string, text: string) => number
  readonly publishMessage: (instance: string, message: Stored["message"]) => number
  /** As retention does it, or somebody else. */
  readonly remove: (sequence: number) => void
  /** The message, and what became of it. */
  readonly deliver: (sequence: number) => Delivery
  readonly answers: ReadonlyArray<string>
}

export const memoryStream = (): MemoryStream => {
  const messages: Array<Stored> = []
  const removed = new Set<number>()
  const answers: Array<string> = []
  const left = () => messages.filter(({ sequence }) => !removed.has(sequence))
  const add = (instance: string, message: Stored["message"], data: Uint8Array) => {
    const sequence = messages.length + 1
    messages.push({ sequence, instance, message, data })
    return sequence
  }
  return {
    stream: "MEMORY",
    subjectOf: (instance) => `audit.${instance}`,
    bounds: Effect.sync(() => ({ first: left()[0]?.sequence ?? messages.length + 1, last: messages.length })),
    last: (instance) => Effect.sync(() => left().findLast((each) => each.instance === instance)),
    next: (instance, after) =>
      Effect.sync(() => left().find((each) => each.instance === instance && each.sequence > after)),
    at: (sequence) => Effect.sync(() => left().find((each) => each.sequence === sequence)),
    publish: (records, limit = 1_000_000, count = Infinity) => {
      const { instance } = records[0]!
      const before = () => messages.findLast((each) => each.instance === instance)?.sequence ?? 0
      let after = 0
      return Message.cut(nonEmpty(records), limit)
        .slice(0, count)
        .map((message) => {
          if (message.part === undefined || message.part.number === 1) after = before()
          const headers = new Map(Message.headersOf(message, after))
          return add(
            instance,
            Message.read((name) => headers.get(name)),
            message.data
          )
        })
    },
    publishText: (instance, text) =>
      add(
        instance,
        Message.read(() => undefined),
        Buffer.from(text)
      ),
    publishMessage: (instance, message) => add(instance, message, new Uint8Array()),
    remove: (sequence) => void removed.add(sequence),
    deliver: (sequence) => ({
      ...messages[sequence - 1]!,
      pending: 0,
      weight: 1,
      acknowledge: () => void answers.push(`ack ${sequence}`),
      terminate: () => void answers.push(`term ${sequence}`),
      release: () => void answers.push(`nak ${sequence}`)
    }),
    answers
  }
}
