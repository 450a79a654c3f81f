/**
 * Kills the writers of audit trails, one after the other, and looks at what they leave.
 *
 * One half of the kills comes from outside, at any time. The other half happens at chosen operations on files: the children
 * tell which there are, and those come next that were chosen least. The choices follow from the seed, in the order in which the
 * lanes ask for them; what the machine makes of them differs from run to run.
 */
import { Effect, Redacted, Utils } from "effect"
import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as AuditChain from "../../src/AuditChain.js"
import * as Children from "./children.js"
import { inspect, leftovers } from "./inspect.js"
import type { Life, Message, Moment, Target, Trail } from "./protocol.js"

export interface Options {
  readonly kills: number
  readonly seed: number
  /** An empty folder. The trails of a run in which all is well are removed from it. */
  readonly folder: string
  /** How many trails are written at the same time. Default: 2. */
  readonly lanes?: number
  readonly signal?: AbortSignal
}

export interface Figures {
  kills: number
  /** Of the kills, those at a chosen operation. */
  aimed: number
  lives: number
  closed: number
  trails: number
  acknowledged: number
  records: number
  /** Files that ended in the middle of a line when their writer had died. */
  tornTails: number
  recovered: number
  seals: number
  outsideSeals: number
  trimmed: number
  /** Children that were refused while the one before them was still dying. */
  refusedMeanwhile: number
  startMillis: number
  openMillis: number
  slowestOpenMillis: number
  /** How many have died at each place. */
  readonly deathsByPlace: Map<string, number>
}

/** Something is wrong with a trail. Its folder is still there. */
export class Broken extends Error {
  override readonly name = "Broken"
}

export interface Campaign {
  readonly figures: Readonly<Figures>
  /** Resolves when there have been enough kills, or the signal has come; fails with `Broken`. */
  readonly done: Promise<void>
}

export const start = (options: Options): Campaign => {
  const figures: Figures = {
    kills: 0,
    aimed: 0,
    lives: 0,
    closed: 0,
    trails: 0,
    acknowledged: 0,
    records: 0,
    tornTails: 0,
    recovered: 0,
    seals: 0,
    outsideSeals: 0,
    trimmed: 0,
    refusedMeanwhile: 0,
    startMillis: 0,
    openMillis: 0,
    slowestOpenMillis: 0,
    deathsByPlace: new Map()
  }
  return { figures, done: run(options, figures) }
}

const run = async (options: Options, figures: Figures) => {
  const { publicKey, privateKey } = Effect.runSync(AuditChain.generateKeys)
  const random = new Utils.PCGRandom(options.seed)
  const bundled = Children.bundle(options.folder)
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])])
  const campaign: Context = {
    ...options,
    signal,
    random,
    bundled,
    figures,
    publicKey,
    privateKey: Redacted.value(privateKey),
    targets: makeTargets(random, figures.deathsByPlace),
    isEnough: () => figures.kills >= options.kills || signal.aborted
  }
  await saveCode(campaign)
  const lane = async () => {
    try {
      while (!campaign.isEnough()) await runTrail(campaign)
    } catch (error) {
      stop.abort()
      throw error
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: options.lanes ?? 2 }, lane))
  for (const end of lanes) if (end.status === "rejected") throw end.reason
}

interface Context extends Options {
  readonly signal: AbortSignal
  readonly random: Utils.PCGRandom
  readonly bundled: string
  readonly figures: Figures
  readonly publicKey: string
  readonly privateKey: string
  readonly targets: Targets
  readonly isEnough: () => boolean
}

/** One life in peace, after which V8 knows what to compile. */
const saveCode = async (campaign: Context) => {
  const folder = join(campaign.folder, "first")
  const child = Children.start(campaign.bundled, { savesCode: true })
  await child.ready
  let failure = ""
  child.begin({ trail: makeTrail(campaign, folder, true), number: 1, seed: 1, events: 100 }, (message) => {
    if (message[0] === "p") campaign.targets.add(message[1])
    if (message[0] === "f") failure = message[1]
  })
  const { code } = await child.ended
  if (code !== 0) throw new Broken(`a child that nobody has killed ended with ${code}: ${failure}\n${child.log()}`)
  rmSync(folder, { recursive: true })
}

const makeTrail = ({ random, privateKey }: Context, folder: string, hasAll = false): Trail => {
  const removed = join(folder, "removed")
  for (const each of ["trail", "removed", "elsewhere"]) mkdirSync(join(folder, each), { recursive: true })
  const [compresses, trims, sealsOutside] = [
    hasAll || random.integer(2) === 0,
    hasAll || random.integer(2) === 0,
    hasAll || random.integer(3) > 0
  ]
  return {
    path: join(folder, "trail", "audit.jsonl"),
    maxBytes: 2_000 + random.integer(30_000),
    compress: compresses,
    removed,
    privateKey,
    sealEveryRecords: 1 + random.integer(20),
    sealEveryMillis: 1 + random.integer(20),
    ...(trims ? { keepFiles: 1 + random.integer(20) } : {}),
    ...(sealsOutside ? { outsideSeals: join(folder, "elsewhere", "seals.jsonl") } : {})
  }
}

// Targets

interface Targets {
  readonly add: (place: string) => void
  /** `isTorn`: the trail ends in the middle of a line. */
  readonly choose: (trail: Trail, isTorn: boolean) => Target
  readonly hit: (target: Target) => void
}

const makeTargets = (random: Utils.PCGRandom, deathsByPlace: Map<string, number>): Targets => {
  interface Candidate extends Pick<Target, "place" | "moment"> {
    chosen: number
  }
  const candidates: Array<Candidate> = []
  const momentsOf = (place: string): ReadonlyArray<Moment> =>
    /: (?:write|create) /.test(place) ? ["before", "half", "after"] : ["before", "after"]

  /** Whether an operation may happen there in the next life. */
  const isPossible = (place: string, trail: Trail, isTorn: boolean) =>
    (trail.compress || !place.includes("gz")) &&
    (trail.keepFiles !== undefined || !place.endsWith("for good")) &&
    (trail.outsideSeals !== undefined || !place.includes("outside seals")) &&
    (isTorn || !isMending(place))
  const isMending = (place: string) => /torn lines of the trail|truncate the trail/.test(place)

  return {
    add: (place) => {
      if (deathsByPlace.has(place)) return
      deathsByPlace.set(place, 0)
      candidates.push(...momentsOf(place).map((moment) => ({ place, moment, chosen: 0 })))
    },
    choose: (trail, isTorn) => {
      const possible = candidates.filter(({ place }) => isPossible(place, trail, isTorn))
      const preferred = possible.filter(({ place, moment }) =>
        isTorn ? isMending(place) : moment === "half" && /write the trail/.test(place)
      )
      const among = preferred.length > 0 && random.integer(4) === 0 ? preferred : possible
      const least = Math.min(...among.map(({ chosen }) => chosen))
      const rarest = among.filter(({ chosen }) => chosen === least)
      const candidate = rarest[random.integer(rarest.length)]!
      // A place that is not reached gives way to others all the same.
      candidate.chosen++
      const { place, moment } = candidate
      return {
        place,
        moment,
        occurrence: place.startsWith("running") ? 1 + random.integer(1 + random.integer(6)) : 1,
        pauseMillis: random.integer(2) === 0 ? 0 : random.integer(30)
      }
    },
    hit: ({ place }) => deathsByPlace.set(place, (deathsByPlace.get(place) ?? 0) + 1)
  }
}

// Lives

/** How a life is to end. */
type Plan =
  | { readonly _tag: "Aimed"; readonly target: Target }
  /** So long after something has happened. `isHasty`: the next one begins before this one is dead. */
  | {
      readonly _tag: "Timed"
      readonly after: "begin" | "open" | "close"
      readonly millis: number
      readonly isHasty: boolean
    }
  | { readonly _tag: "Peaceful" }

const makePlan = ({ random, targets }: Context, trail: Trail): Plan => {
  const dice = random.integer(100)
  if (dice < 50) return { _tag: "Aimed", target: targets.choose(trail, endsTorn(trail.path)) }
  if (dice >= 97) return { _tag: "Peaceful" }
  const isHasty = random.integer(4) === 0
  if (dice < 65) return { _tag: "Timed", after: "begin", millis: random.integer(50), isHasty }
  if (dice < 73) return { _tag: "Timed", after: "close", millis: random.integer(25), isHasty }
  // Now and then long enough for what happens twice a second.
  return { _tag: "Timed", after: "open", millis: random.integer(dice < 76 ? 1_200 : 150), isHasty }
}

/** Whether the trail has to be closed while it lives. */
const closes = (plan: Plan): boolean => {
  if (plan._tag === "Aimed") return plan.target.place.startsWith("closing")
  return plan._tag === "Peaceful" || plan.after === "close"
}

const describe = (plan: Plan): string => {
  if (plan._tag === "Peaceful") return "in peace"
  if (plan._tag === "Timed") return `${plan.millis} ms after ${plan.after}${plan.isHasty ? ", in haste" : ""}`
  const { moment, place, occurrence, pauseMillis } = plan.target
  return `${moment} no. ${occurrence} of '${place}', with ${pauseMillis} ms of pause`
}

/** A target that is not reached after so much is given up: a busy machine needs more time for the same work. */
const patience = { millis: 300, acknowledged: 60, mostMillis: 1_500 }

/** All lives of one trail. */
const runTrail = async (campaign: Context) => {
  const { figures, random, signal } = campaign
  const name = `trail-${++figures.trails}`
  const folder = join(campaign.folder, name)
  const trail = makeTrail(campaign, folder)
  const acknowledged = new Map<string, number>()
  const state = { opened: 0, begun: 0, unopened: 0, isClosed: true }
  let counted = { records: 0, recovered: 0, seals: 0, outsideSeals: 0, trimmed: 0 }

  const diary = (line: string) => appendFileSync(join(folder, "lives.log"), line + "\n")
  diary(JSON.stringify({ seed: campaign.seed, publicKey: campaign.publicKey, ...trail, privateKey: undefined }))
  const broken = (problems: ReadonlyArray<string>) => {
    problems.forEach((problem) => diary(`PROBLEM ${problem}`))
    return new Broken(`${folder}, life ${state.begun}: ${problems.slice(0, 5).join("; ")}`)
  }

  const examine = async () => {
    const findings = await inspect(trail, { publicKey: campaign.publicKey, acknowledged, ...state })
    for (const key of ["records", "recovered", "seals", "outsideSeals", "trimmed"] as const) {
      figures[key] += findings[key] - counted[key]
    }
    counted = findings
    if (findings.problems.length > 0) throw broken(findings.problems)
  }

  const live = async (child: Children.Child, plan: Plan, previous: Begun | undefined): Promise<Begun> => {
    const number = ++state.begun
    const life: Life = {
      trail,
      number,
      seed: random.integer(1_000_000),
      events: closes(plan) ? 20 + random.integer(60) : 1_000_000,
      ...(plan._tag === "Aimed" ? { end: plan.target } : {})
    }
    figures.lives++
    diary(`${number} ${describe(plan)}`)

    let wasAimed = false
    let wasKilled = false
    let failure: string | undefined
    let hasOpened = false
    let openedAt = 0
    const sinceOpen = () => performance.now() - openedAt
    let told = 0
    let timer: NodeJS.Timeout | undefined
    let killed: () => void = () => {}
    const hasBeenKilled = new Promise<void>((resolve) => {
      killed = resolve
    })
    const kill = () => {
      wasKilled = true
      child.kill()
      killed()
    }
    const reach = (event: "begin" | "open" | "close") => {
      if (plan._tag === "Timed" && plan.after === event) timer = setTimeout(kill, plan.millis)
      if (plan._tag === "Aimed" && event === "open") timer = setTimeout(kill, patience.mostMillis)
    }
    const onMessage = (message: Message) => {
      switch (message[0]) {
        case "a":
          acknowledged.set(`${number}.${message[1]}`, message[2])
          figures.acknowledged++
          told++
          if (plan._tag === "Aimed" && told >= patience.acknowledged && sinceOpen() > patience.millis) kill()
          break
        case "p":
          campaign.targets.add(message[1])
          break
        case "o": {
          const millis = performance.now() - begunAt
          figures.openMillis += millis
          figures.slowestOpenMillis = Math.max(figures.slowestOpenMillis, millis)
          openedAt = performance.now()
          hasOpened = true
          state.opened++
          reach("open")
          break
        }
        case "c":
          reach("close")
          break
        case "k":
          wasAimed = true
          break
        case "f":
          failure = message[1]
      }
    }
    signal.addEventListener("abort", kill)
    const begunAt = performance.now()
    child.begin(life, onMessage)
    reach("begin")

    let diedAt: number | undefined
    const settled = child.ended.then((end): Ending => {
      diedAt = end.at
      clearTimeout(timer)
      signal.removeEventListener("abort", kill)
      if (signal.aborted) return { _tag: "Died", end, hasOpened }
      const isKill = end.signal === "SIGKILL" && (wasAimed || wasKilled)
      if (isKill) {
        figures.kills++
        if (wasAimed) figures.aimed++
        if (wasAimed && plan._tag === "Aimed") campaign.targets.hit(plan.target)
        return { _tag: "Died", end, hasOpened }
      }
      if (end.code === 0) {
        figures.closed++
        return { _tag: "Closed", end, hasOpened }
      }
      // A program that is still dying has its claim, and keeps others away.
      const wasDying = previous?.isHasty === true && (previous.diedAt() ?? Infinity) > end.at - 500
      if (wasDying && !hasOpened && failure?.includes("is written by another program") === true) {
        figures.refusedMeanwhile++
        return { _tag: "Refused", end, hasOpened }
      }
      throw broken([`it ended with ${end.code ?? end.signal}: ${failure ?? "without a word"}\n${child.log()}`])
    })
    // Whoever awaits it later is told as well.
    settled.catch(() => {})
    const isHasty = plan._tag === "Timed" && plan.isHasty
    await (isHasty ? Promise.race([hasBeenKilled, settled]) : settled)
    return { settled, isHasty, diedAt: () => diedAt }
  }

  /** Looks at what the life has left, which must be over. */
  const bury = async (life: Begun) => {
    const { _tag, hasOpened } = await life.settled
    if (signal.aborted) return
    state.isClosed = _tag === "Closed"
    state.unopened = hasOpened ? 0 : state.unopened + 1
    if (endsTorn(trail.path)) figures.tornTails++
    const left = [trail.path, ...(trail.outsideSeals === undefined ? [] : [trail.outsideSeals])].flatMap((path) =>
      leftovers(path, state.unopened, state.isClosed)
    )
    if (left.length > 0) throw broken(left)
  }

  let next = Children.start(campaign.bundled)
  const begin = async (plan: Plan, previous: Begun | undefined) => {
    const child = next
    figures.startMillis = Math.max(await child.ready, figures.startMillis)
    next = Children.start(campaign.bundled)
    return live(child, plan, previous)
  }

  try {
    const lives = 20 + random.integer(40)
    let previous: Begun | undefined
    while (state.begun < lives && !campaign.isEnough()) {
      const life = await begin(makePlan(campaign, trail), previous)
      if (previous?.isHasty === true) {
        const { hasOpened } = await previous.settled
        state.unopened = hasOpened ? 0 : state.unopened + 1
      }
      previous = life
      if (life.isHasty) continue
      await bury(life)
      if (state.begun % 10 === 0) await examine()
    }
    if (previous?.isHasty === true) await bury(previous)
    if (signal.aborted) return
    await examine()
    await bury(await begin({ _tag: "Peaceful" }, undefined))
    if (signal.aborted) return
    await examine()
    rmSync(folder, { recursive: true })
  } finally {
    next.kill()
    await next.ended
  }
}

/** How a life ended. `Refused`: while another one was dying. */
interface Ending {
  readonly _tag: "Died" | "Closed" | "Refused"
  readonly end: Children.End
  readonly hasOpened: boolean
}

interface Begun {
  /** Fails where it ended in a way that is wrong. */
  readonly settled: Promise<Ending>
  readonly isHasty: boolean
  readonly diedAt: () => number | undefined
}

const endsTorn = (path: string): boolean => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    // Killed between two files.
    return false
  }
  try {
    const { size } = fstatSync(file)
    const last = Buffer.alloc(1)
    return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 10
  } finally {
    closeSync(file)
  }
}
