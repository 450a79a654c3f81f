/**
 * Kills programs between the moment that an event is durable in their spool and the moment that the database has it, lets the next
 * one go on, and looks at what the database has in the end.
 */
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Chunk, Effect, Layer, Stream, Utils } from "effect"
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as AuditChain from "../../src/AuditChain.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as AuditStore from "../../src/AuditStore.js"
import * as Children from "./children.js"
import type { Message, Moment, Target } from "./protocol.js"
import { eventType, instance, type SpoolLife, type SpoolPlace } from "./spoolProtocol.js"

export interface Options {
  readonly kills: number
  readonly seed: number
  /** An empty folder. What belongs to a run in which all is well is removed from it. */
  readonly folder: string
  readonly lanes?: number
  readonly signal?: AbortSignal
}

export interface Figures {
  kills: number
  /** Of the kills, those at a chosen moment, and of these those before or after the database had a batch. */
  aimed: number
  atTheDatabase: number
  lives: number
  spools: number
  acknowledged: number
  stored: number
  readonly deathsByPlace: Map<string, number>
}

/** Something is wrong. The folder is still there. */
export class Broken extends Error {
  override readonly name = "Broken"
}

export const start = (options: Options): { readonly figures: Readonly<Figures>; readonly done: Promise<void> } => {
  const figures: Figures = {
    kills: 0,
    aimed: 0,
    atTheDatabase: 0,
    lives: 0,
    spools: 0,
    acknowledged: 0,
    stored: 0,
    deathsByPlace: new Map()
  }
  return { figures, done: run(options, figures) }
}

interface Campaign extends Options {
  readonly figures: Figures
  readonly random: Utils.PCGRandom
  readonly bundled: string
  readonly candidates: Array<{ readonly place: string; readonly moment: Moment; chosen: number }>
  readonly isEnough: () => boolean
}

const run = async (options: Options, figures: Figures) => {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])])
  const campaign: Campaign = {
    ...options,
    signal,
    figures,
    random: new Utils.PCGRandom(options.seed),
    bundled: Children.bundle(options.folder, "spoolChild"),
    candidates: [],
    isEnough: () => figures.kills >= options.kills || signal.aborted
  }
  await saveCode(campaign)
  const lane = async () => {
    try {
      while (!campaign.isEnough()) await runSpool(campaign)
    } catch (error) {
      stop.abort()
      throw error
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: options.lanes ?? 2 }, lane))
  for (const end of lanes) if (end.status === "rejected") throw end.reason
}

const makePlace = ({ random }: Campaign, folder: string): SpoolPlace => {
  const removed = join(folder, "removed")
  mkdirSync(removed, { recursive: true })
  const segmentBytes = 1000 + random.integer(8000)
  return {
    path: join(folder, "audit.jsonl"),
    database: join(folder, "audit.db"),
    // Some of them are full every now and then.
    maxBytes: random.integer(4) === 0 ? segmentBytes * 4 + 30_000 : 10_000_000,
    segmentBytes,
    removed
  }
}

/** One life in peace, after which V8 knows what to compile, and we know what can be aimed at. */
const saveCode = async (campaign: Campaign) => {
  const folder = join(campaign.folder, "first")
  const child = Children.start(campaign.bundled, { savesCode: true })
  await child.ready
  let failure = ""
  const life: SpoolLife = { place: makePlace(campaign, folder), number: 1, seed: 1, events: 100, trouble: 0.3 }
  child.begin(life, (message) => {
    if (message[0] === "p") learn(campaign, message[1])
    if (message[0] === "f") failure = message[1]
  })
  const { code } = await child.ended
  if (code !== 0) throw new Broken(`a child that nobody has killed ended with ${code}: ${failure}\n${child.log()}`)
  rmSync(folder, { recursive: true })
}

const learn = ({ candidates, figures }: Campaign, place: string) => {
  if (figures.deathsByPlace.has(place)) return
  figures.deathsByPlace.set(place, 0)
  const moments: ReadonlyArray<Moment> = /: (?:write|create) /.test(place)
    ? ["before", "half", "after"]
    : ["before", "after"]
  candidates.push(...moments.map((moment) => ({ place, moment, chosen: 0 })))
}

const atDatabase = "store in the database"

/** One of those that were chosen least; each fourth time around the database has a batch. */
const choose = ({ candidates, random }: Campaign): Target => {
  const preferred = candidates.filter(({ place }) => place.endsWith(atDatabase))
  const among = preferred.length > 0 && random.integer(4) === 0 ? preferred : candidates
  const least = Math.min(...among.map(({ chosen }) => chosen))
  const rarest = among.filter(({ chosen }) => chosen === least)
  const candidate = rarest[random.integer(rarest.length)]!
  candidate.chosen++
  const { moment, place } = candidate
  return {
    place,
    moment,
    occurrence: place.startsWith("running") ? 1 + random.integer(1 + random.integer(12)) : 1,
    pauseMillis: random.integer(2) === 0 ? 0 : random.integer(30)
  }
}

/** A target that is not reached after so long is given up. */
const patience = 1500

const runSpool = async (campaign: Campaign) => {
  const { figures, random, signal } = campaign
  const folder = join(campaign.folder, `spool-${++figures.spools}`)
  const place = makePlace(campaign, folder)
  const acknowledged = new Map<string, number>()
  let begun = 0

  const live = async (child: Children.Child, isLast: boolean) => {
    await child.ready
    const number = ++begun
    const end = isLast || random.integer(2) === 0 ? undefined : choose(campaign)
    const afterClose = !isLast && end === undefined && random.integer(4) === 0
    const closes = isLast || afterClose || end?.place.startsWith("closing") === true
    const life: SpoolLife = {
      place,
      number,
      seed: random.integer(1_000_000),
      events: closes ? 30 : 1_000_000,
      trouble: isLast ? 0 : random.number(),
      end
    }
    figures.lives++
    let timer: NodeJS.Timeout | undefined
    let wasKilled = false
    let wasAimed = false
    let failure: string | undefined
    const kill = () => {
      wasKilled = true
      child.kill()
    }
    const killAfter = (millis: number) => {
      timer = setTimeout(kill, millis)
    }
    signal?.addEventListener("abort", kill)
    const onMessage = (message: Message) => {
      switch (message[0]) {
        case "a":
          acknowledged.set(`${number}.${message[1]}`, message[2])
          figures.acknowledged++
          break
        case "p":
          learn(campaign, message[1])
          break
        case "o":
          if (!isLast && !closes) killAfter(end === undefined ? random.integer(250) : patience)
          break
        case "c":
          if (afterClose) killAfter(random.integer(10))
          break
        case "k":
          wasAimed = true
          break
        case "f":
          failure = message[1]
      }
    }
    child.begin(life, onMessage)
    if (!isLast && end === undefined && random.integer(5) === 0) killAfter(random.integer(60))
    const ended = await child.ended
    clearTimeout(timer)
    signal?.removeEventListener("abort", kill)
    if (signal?.aborted === true) return
    if (ended.signal === "SIGKILL" && (wasKilled || wasAimed)) {
      figures.kills++
      if (!wasAimed || end === undefined) return
      figures.aimed++
      if (end.place.endsWith(atDatabase)) figures.atTheDatabase++
      figures.deathsByPlace.set(end.place, (figures.deathsByPlace.get(end.place) ?? 0) + 1)
      return
    }
    if (ended.code !== 0) {
      throw new Broken(
        `${folder}, life ${number}: it ended with ${ended.code ?? ended.signal}: ${failure ?? "without a word"}\n${child.log()}`
      )
    }
  }

  const examine = async (isOver: boolean) => {
    const problems = await inspect(place, isOver ? acknowledged : new Map(), figures)
    if (problems.length > 0) throw new Broken(`${folder}, life ${begun}: ${problems.slice(0, 5).join("; ")}`)
  }

  let next = Children.start(campaign.bundled)
  const begin = (isLast: boolean) => {
    const child = next
    next = Children.start(campaign.bundled)
    return live(child, isLast)
  }
  try {
    for (let left = 8 + random.integer(12); left > 0 && !campaign.isEnough(); left--) {
      await begin(false)
      if (signal?.aborted === true) return
      if (left % 4 === 0) await examine(false)
    }
    // The last one forwards everything.
    await begin(true)
    if (signal?.aborted === true) return
    await examine(true)
    rmSync(folder, { recursive: true })
  } finally {
    next.kill()
    await next.ended
  }
}

interface Work {
  readonly life: number
  readonly fiber: number
  readonly n: number
}

/** What is wrong with what the database has. */
const inspect = async (place: SpoolPlace, acknowledged: ReadonlyMap<string, number>, figures: Figures) => {
  const problems: Array<string> = []
  const records = await Effect.runPromise(
    Effect.flatMap(AuditStore.AuditStore, (store) => Stream.runCollect(store.chain(instance))).pipe(
      Effect.map(Chunk.toReadonlyArray),
      Effect.provide(Layer.provide(SqlSink.layerStore(), SqliteClient.layer({ filename: place.database })))
    )
  )
  const verifier = AuditChain.verifier()
  const last = new Map<string, number>()
  let lastLife = 0
  records.forEach(({ record, seq }, index) => {
    verifier.line(Buffer.from(record.line))
    if (seq !== index + 1) problems.push(`record ${index + 1} of the store has the seq ${seq}`)
    if (record.event.type === "registrar-events-dropped") problems.push("events were dropped")
    if (record.event.type !== eventType) return
    // Its fields say so.
    const { fiber, life, n } = record.event.details as unknown as Work
    const key = `${life}.${fiber}`
    const before = last.get(key) ?? 0
    if (life < lastLife) problems.push(`life ${life} has a record after those of life ${lastLife}`)
    if (n !== before + 1) problems.push(`event ${n} of fiber ${key} follows event ${before}`)
    lastLife = life
    last.set(key, n)
  })
  const { problem } = verifier.end()
  if (problem !== undefined) problems.push(problem.message)
  for (const [key, n] of acknowledged) {
    const found = last.get(key) ?? 0
    if (found < n) problems.push(`events ${found + 1} to ${n} of fiber ${key} were acknowledged, and are lost`)
  }
  if (acknowledged.size > 0) {
    figures.stored += records.length
    if (records.at(-1)?.record.event.type !== "registrar-trail-stopped") problems.push("the end was not forwarded")
    // The file, the newest segment, and the cursor. Claims of those who were killed go when another one looks.
    const left = readdirSync(join(place.path, "..")).filter((name) => /^audit\.jsonl(?:\.\d+|\.cursor)?$/.test(name))
    if (left.length > 3) problems.push(`${left.join(", ")} are left`)
  }
  return problems
}
