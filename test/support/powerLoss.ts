/**
 * A file system in memory that loses power: what was not synced may then be lost, torn or reordered.
 *
 * It is as unkind as POSIX allows, and so unkinder than any one real file system. While the power stays on it answers as
 * the file system of Node does on Linux.
 *
 * Data. The sync of a file makes its bytes and its size safe, through whichever handle, but not its name. Of what was
 * written or truncated since then, a power loss keeps nothing, or a beginning that ends anywhere inside a write, or an
 * arbitrary part of the changes, or each sector as it was at some time. Where the file has grown but its data is missing,
 * there are zeros or garbage; what was cut off may be back, as it was or as zeros. Bytes that nothing has touched since
 * the last sync never change.
 *
 * Names. They change by making, linking, renaming and removing, each of which happens as a whole or not at all, and each of
 * which may be lost on its own until the folder is synced. A rename between two folders is safe once both are synced. One
 * change is never kept without another that it builds on, which is: an earlier change of one of its names, so that a name
 * given anew never costs the file which had it before; for the removal of a folder, all that emptied it; for the move of a
 * folder, the moves of folders before it, so that none ends up inside itself. Everything else is independent: of `link`
 * and then `remove` the second alone may be kept, and a file moved into a new folder goes with that folder's name.
 *
 * Files without a name are gone after a power loss, open or not.
 *
 * Not modelled: links by name, permissions, owners, inode numbers that are used again, the safety of `mode`, sectors that
 * break while they are overwritten, and a full or failing disk. Operations happen at once: they never overlap.
 */
import { FileSystem } from "@effect/platform"
import { SystemError, type PlatformError, type SystemErrorReason } from "@effect/platform/Error"
import { Clock, Effect, Either, Option, Stream } from "effect"

/** From 0 up to, but not including, 1. */
export type Random = () => number

export type Operation =
  | "open"
  | "stat"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "rename"
  | "link"
  | "remove"
  | "access"
  | "readLink"
  | "realPath"
  | "readDirectory"
  | "makeDirectory"
  | "utimes"
  | "readFile"
  | "writeFile"

export interface Options {
  /** Syncing a file succeeds without making anything safe: a test of a program that syncs files has to fail. */
  readonly ignoreFileSync?: boolean
  /** The same for folders. */
  readonly ignoreFolderSync?: boolean
  /** Called before every operation that finds the power on; may cut it, and then the operation does not happen. */
  readonly beforeEach?: (operation: Operation, path: string) => void
}

export interface Disk {
  /** At first it has the folder `/`, and nothing in it. */
  readonly fileSystem: FileSystem.FileSystem
  /** How many operations have found the power on, whether they succeeded or not. Closing is none. */
  readonly operations: () => number
  /** From now on everything fails with `EIO`, and the disk has what `random` chooses to keep. */
  readonly powerLoss: (random: Random) => void
  /**
   * Cuts the power at the n-th operation from now, counted from 1. That operation fails; what it does to the disk is like
   * what was not synced, but for a sync, which may still succeed.
   */
  readonly powerLossAt: (n: number, random: Random) => void
  /**
   * The same disk under a new program. Without a power loss it is as if only the old program had been killed; one that was
   * still to come does not.
   */
  readonly restart: () => FileSystem.FileSystem
  /** Makes all there is safe, whatever the options say: for what a test sets up. */
  readonly syncAll: () => void
}

export const make = (options: Options = {}): Disk => {
  const { ignoreFileSync = false, ignoreFolderSync = false, beforeEach } = options
  const tree = makeTree()
  let operations = 0
  let program = 0
  let isOn = true
  let loss: { readonly at: number; readonly random: Random } | undefined

  const powerLoss = (random: Random) => {
    isOn = false
    loss = undefined
    tree.lose(random)
  }

  const mount = (): FileSystem.FileSystem => {
    const mine = ++program
    const isRunning = () => isOn && program === mine
    const run: Run = (call, attempt) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (isRunning()) beforeEach?.(call.operation, call.path)
        if (isRunning()) operations += 1
        if (isRunning() && operations === loss?.at) {
          const { random } = loss
          if (random() < 0.5) attempt(now)
          powerLoss(random)
        }
        return isRunning() ? Either.mapLeft(attempt(now), systemError(call)) : Effect.fail(noPower(call))
      })
    return makeFileSystem(tree, run, { ignoreFileSync, ignoreFolderSync })
  }

  return {
    fileSystem: mount(),
    operations: () => operations,
    powerLoss,
    powerLossAt: (n, random) => void (loss = { at: operations + n, random }),
    restart: () => {
      isOn = true
      loss = undefined
      return mount()
    },
    syncAll: tree.syncAll
  }
}

/** mulberry32: small, and good enough to choose what is lost. */
export const makeRandom = (seed: number): Random => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const below = (random: Random, end: number): number => Math.floor(random() * end)

const choose = <A>(random: Random, [first, ...others]: readonly [A, ...Array<A>]): A =>
  others[below(random, others.length + 1) - 1] ?? first

// Data

interface RegularFile {
  readonly _tag: "File"
  readonly ino: number
  readonly mode: number
  /** As the running program sees it. The array is replaced, never changed. */
  content: Uint8Array
  mtime: number
  safe: { readonly content: Uint8Array; readonly mtime: number }
  /** Since it was last synced. */
  unsafe: Array<DataChange>
}

type DataChange =
  | { readonly _tag: "Write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly _tag: "Truncate"; readonly length: number }

const makeFile = (ino: number, mode: number, mtime: number): RegularFile => {
  const content = new Uint8Array()
  return { _tag: "File", ino, mode, content, mtime, safe: { content, mtime }, unsafe: [] }
}

const changeFile = (file: RegularFile, change: DataChange, now: number) => {
  file.content = applyChange(file.content, change)
  file.mtime = now
  file.unsafe.push(change)
}

const writeAt = (file: RegularFile, offset: number, bytes: Uint8Array, now: number) => {
  if (bytes.length > 0) changeFile(file, { _tag: "Write", offset, bytes: bytes.slice() }, now)
}

const syncFile = (file: RegularFile) => {
  file.safe = { content: file.content, mtime: file.mtime }
  file.unsafe = []
}

const loseData = (file: RegularFile, random: Random) => {
  file.content = remains(file.safe.content, file.unsafe, random)
  file.mtime = choose(random, [file.mtime, file.safe.mtime])
  syncFile(file)
}

const remains = (safe: Uint8Array, unsafe: ReadonlyArray<DataChange>, random: Random): Uint8Array =>
  choose(random, [nothingRemains, beginningRemains, partRemains, sectorsRemain])(safe, unsafe, random)

type Remains = typeof remains

const nothingRemains: Remains = (safe) => safe

const beginningRemains: Remains = (safe, unsafe, random) => {
  const end = below(random, unsafe.length + 1)
  const whole = unsafe.slice(0, end).reduce(applyChange, safe)
  const last = unsafe[end]
  return last === undefined ? whole : tear(whole, last, random)
}

const partRemains: Remains = (safe, unsafe, random) =>
  unsafe.reduce(
    (content, change) =>
      choose(random, [() => content, () => applyChange(content, change), () => tear(content, change, random)])(),
    safe
  )

const sectorSize = 512

/** A disk writes the sectors of a file in any order, each of them at any time, and the size as well. */
const sectorsRemain: Remains = (safe, unsafe, random) => {
  const someVersion = () => unsafe.slice(0, below(random, unsafe.length + 1)).reduce(applyChange, safe)
  // Three versions in between are enough to mix, and a version of each sector of its own would take far longer.
  const versions = [safe, someVersion(), someVersion(), someVersion(), unsafe.reduce(applyChange, safe)] as const
  const content = new Uint8Array(choose(random, versions).length)
  for (let start = 0; start < content.length; start += sectorSize) {
    const end = Math.min(start + sectorSize, content.length)
    content.set(choose(random, versions).subarray(start, end), start)
  }
  return content
}

/** What a change leaves that was under way: a beginning of the bytes, and in place of the others perhaps only their size. */
const tear = (content: Uint8Array, change: DataChange, random: Random): Uint8Array => {
  if (change._tag === "Truncate") return content
  const { offset, bytes } = change
  const kept = below(random, bytes.length + 1)
  const torn = kept === 0 ? content : overwrite(content, offset, bytes.subarray(0, kept))
  const end = Math.max(torn.length, offset + bytes.length)
  const filled = resize(torn, end)
  const garbage = () => filled.map((byte, at) => (at < Math.max(torn.length, offset) ? byte : below(random, 256)))
  return choose(random, [() => torn, () => filled, garbage])()
}

const applyChange = (content: Uint8Array, change: DataChange): Uint8Array =>
  change._tag === "Write" ? overwrite(content, change.offset, change.bytes) : resize(content, change.length)

const overwrite = (content: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array => {
  const result = resize(content, Math.max(content.length, offset + bytes.length))
  result.set(bytes, offset)
  return result
}

const resize = (content: Uint8Array, length: number): Uint8Array => {
  const result = new Uint8Array(length)
  result.set(content.subarray(0, length))
  return result
}

// Names

type Inode = RegularFile | Folder

interface Folder {
  readonly _tag: "Directory"
  readonly ino: number
  readonly mode: number
  /** As the running program sees it. */
  readonly entries: Map<string, Inode>
  readonly safe: Map<string, Inode>
  mtime: number
}

/** All of its entries are set, or none. */
interface NameChange {
  readonly entries: ReadonlyArray<Entry>
  readonly removedFolder: Folder | undefined
  readonly movesFolder: boolean
  /** Those of its folders that were synced since. */
  readonly synced: Set<Folder>
}

interface Entry {
  readonly folder: Folder
  readonly name: string
  readonly inode: Inode | undefined
}

const makeFolder = (ino: number, mode: number, mtime: number): Folder => ({
  _tag: "Directory",
  ino,
  mode,
  entries: new Map(),
  safe: new Map(),
  mtime
})

type Tree = ReturnType<typeof makeTree>

const makeTree = () => {
  let lastInode = 1
  const root = makeFolder(lastInode, 0o755, 0)
  let unsafe: ReadonlyArray<NameChange> = []

  const change = (entries: ReadonlyArray<Entry>, now: number, replaced?: Inode) => {
    setEntries(entries, "entries")
    for (const { folder } of entries) folder.mtime = now
    const removedFolder = replaced?._tag === "Directory" ? replaced : undefined
    const movesFolder = entries.length > 1 && entries.some(({ inode }) => inode?._tag === "Directory")
    unsafe = [...unsafe, { entries, removedFolder, movesFolder, synced: new Set() }]
  }

  const makeSafe = (chosen: (change: NameChange) => boolean) => {
    const kept = withFoundations(unsafe, chosen)
    for (const each of unsafe) if (kept.has(each)) setEntries(each.entries, "safe")
    unsafe = unsafe.filter((each) => !kept.has(each))
  }

  const syncFolder = (folder: Folder) => {
    for (const { entries, synced } of unsafe) if (entries.some((each) => each.folder === folder)) synced.add(folder)
    makeSafe(({ entries, synced }) => entries.every((each) => synced.has(each.folder)))
  }

  const syncAll = () => {
    makeSafe(() => true)
    for (const inode of inodesUnder(root, "entries")) if (inode._tag === "File") syncFile(inode)
  }

  const lose = (random: Random) => {
    makeSafe(choose(random, [chooseBeginning, chooseAny])(unsafe, random))
    unsafe = []
    for (const inode of inodesUnder(root, "safe")) {
      if (inode._tag === "File") loseData(inode, random)
      else restoreEntries(inode)
    }
  }

  return { root, nextInode: () => ++lastInode, change, syncFolder, syncAll, lose }
}

type Choose = (unsafe: ReadonlyArray<NameChange>, random: Random) => (change: NameChange) => boolean

const chooseBeginning: Choose = (unsafe, random) => {
  const beginning = new Set(unsafe.slice(0, below(random, unsafe.length + 1)))
  return (change) => beginning.has(change)
}

const chooseAny: Choose = (_, random) => {
  const probability = random()
  return () => random() < probability
}

const withFoundations = (changes: ReadonlyArray<NameChange>, chosen: (change: NameChange) => boolean) => {
  const kept = new Set<NameChange>()
  for (const change of changes.toReversed())
    if (chosen(change) || [...kept].some((later) => buildsOn(later, change))) kept.add(change)
  return kept
}

const buildsOn = (later: NameChange, earlier: NameChange): boolean =>
  (later.movesFolder && earlier.movesFolder) ||
  earlier.entries.some(
    ({ folder, name }) =>
      folder === later.removedFolder || later.entries.some((each) => each.folder === folder && each.name === name)
  )

const setEntries = (entries: ReadonlyArray<Entry>, which: "entries" | "safe") => {
  for (const { folder, name, inode } of entries) {
    if (inode === undefined) folder[which].delete(name)
    else folder[which].set(name, inode)
  }
}

const restoreEntries = ({ entries, safe }: Folder) => {
  entries.clear()
  for (const [name, inode] of safe) entries.set(name, inode)
}

const inodesUnder = (folder: Folder, which: "entries" | "safe"): ReadonlySet<Inode> => {
  const found = new Set<Inode>()
  const visit = (inode: Inode) => {
    found.add(inode)
    if (inode._tag === "Directory") for (const child of inode[which].values()) visit(child)
  }
  visit(folder)
  return found
}

const countNames = (root: Folder, inode: Inode): number => {
  if (inode._tag === "Directory")
    return 2 + [...inode.entries.values()].filter(({ _tag }) => _tag === inode._tag).length
  const folders = [...inodesUnder(root, "entries")].filter((each) => each._tag === "Directory")
  return folders.flatMap(({ entries }) => [...entries.values()]).filter((each) => each === inode).length
}

// Paths and errors, as Linux and Node have them

const textByCode = {
  ENOENT: "no such file or directory",
  EEXIST: "file already exists",
  ENOTDIR: "not a directory",
  EISDIR: "illegal operation on a directory",
  EBADF: "bad file descriptor",
  EINVAL: "invalid argument",
  EPERM: "operation not permitted",
  ENOTEMPTY: "directory not empty",
  ERR_FS_EISDIR: "Path is a directory"
} as const

type Code = keyof typeof textByCode

interface Failure {
  readonly code: Code
  readonly syscall: string
  readonly description: string
}

type Attempt<A> = Either.Either<A, Failure>

type Fail = (code: Code) => Attempt<never>

const failing =
  (syscall: string, ...paths: ReadonlyArray<string>): Fail =>
  (code) => {
    const operands = paths.map((path) => `'${path}'`).join(" -> ")
    const description = `${code}: ${textByCode[code]}, ${syscall}${operands === "" ? "" : ` ${operands}`}`
    return Either.left({ code, syscall, description })
  }

const reasonByCode: { readonly [code in Code]?: SystemErrorReason } = {
  ENOENT: "NotFound",
  EEXIST: "AlreadyExists",
  EISDIR: "BadResource",
  ENOTDIR: "BadResource"
}

interface Call {
  readonly operation: Operation
  readonly path: string
  /** Where Node names the method otherwise. */
  readonly method?: string
  readonly fd?: number
}

/** How everything happens that can find the power off. */
type Run = <A>(call: Call, attempt: (now: number) => Attempt<A>) => Effect.Effect<A, PlatformError>

const systemError =
  ({ operation, method = operation, path, fd }: Call) =>
  ({ code, syscall, description }: Failure) =>
    new SystemError({
      module: "FileSystem",
      method,
      reason: reasonByCode[code] ?? "Unknown",
      pathOrDescriptor: fd ?? path,
      syscall,
      description,
      cause: Object.assign(new Error(description), { code, syscall })
    })

const noPower = ({ operation, method = operation, path, fd }: Call) =>
  new SystemError({
    module: "FileSystem",
    method,
    reason: "Unknown",
    pathOrDescriptor: fd ?? path,
    description: "power loss",
    cause: Object.assign(new Error("power loss"), { code: "EIO" })
  })

const notModelled = (what: string) => new Error(`The file system that loses power does not model ${what}`)

interface Place {
  /** From the root. The last one has the name, or would have it. */
  readonly folders: ReadonlyArray<Folder>
  readonly folder: Folder
  readonly name: string
  readonly inode: Inode | undefined
  readonly endsInSlash: boolean
}

const locate = (root: Folder, path: string, fail: Fail): Attempt<Place> => {
  if (path === "") return fail("ENOENT")
  const parts = path.split("/").filter((part) => part !== "")
  if (!path.startsWith("/") || !parts.every(isPlain)) throw notModelled(`the path '${path}'`)
  const name = parts.pop()
  if (name === undefined) return Either.right({ folders: [], folder: root, name: "", inode: root, endsInSlash: true })

  const folders = [root]
  let folder = root
  for (const part of parts) {
    const next = folder.entries.get(part)
    if (next === undefined) return fail("ENOENT")
    if (next._tag !== "Directory") return fail("ENOTDIR")
    folders.push(next)
    folder = next
  }
  return Either.right({ folders, folder, name, inode: folder.entries.get(name), endsInSlash: path.endsWith("/") })
}

const isPlain = (name: string) =>
  name !== "." && name !== ".." && !name.includes("\0") && Buffer.byteLength(name) <= 255

/** What is there already. */
const find = (root: Folder, path: string, fail: Fail): Attempt<Inode> =>
  Either.flatMap(locate(root, path, fail), ({ inode, endsInSlash }) => {
    if (inode === undefined) return fail("ENOENT")
    return inode._tag === "File" && endsInSlash ? fail("ENOTDIR") : Either.right(inode)
  })

const entryOf = ({ folder, name }: Place, inode: Inode | undefined): Entry => {
  if (name === "") throw notModelled("a change of '/' itself")
  return { folder, name, inode }
}

/** What Linux leaves of the permissions asked for, with the usual umask. */
const withoutUmask = (mode: number) => mode & ~0o022

const openInode = (
  { root, nextInode, change }: Tree,
  path: string,
  { flag = "r", mode = 0o666 }: FileSystem.OpenFileOptions,
  now: number
): Attempt<Inode> =>
  Either.gen(function* () {
    const fail = failing("open", path)
    const place = yield* locate(root, path, fail)
    const { inode, endsInSlash } = place
    const creates = !flag.startsWith("r")
    if (creates && endsInSlash) return yield* fail("EISDIR")
    if (inode === undefined) {
      if (!creates) return yield* fail("ENOENT")
      const created = makeFile(nextInode(), withoutUmask(mode), now)
      change([entryOf(place, created)], now)
      return created
    }
    if (flag.includes("x")) return yield* fail("EEXIST")
    if (inode._tag === "Directory") return flag === "r" ? inode : yield* fail("EISDIR")
    if (endsInSlash) return yield* fail("ENOTDIR")
    if (flag.startsWith("w")) changeFile(inode, { _tag: "Truncate", length: 0 }, now)
    return inode
  })

const rename = ({ root, change }: Tree, from: string, to: string, now: number): Attempt<void> =>
  Either.gen(function* () {
    const fail = failing("rename", from, to)
    const source = yield* locate(root, from, fail)
    const target = yield* locate(root, to, fail)
    const moved = source.inode
    const replaced = target.inode
    if (moved === undefined) return yield* fail("ENOENT")
    if (moved._tag === "File" && (source.endsInSlash || target.endsInSlash)) return yield* fail("ENOTDIR")
    if (target.folders.some((each) => each === moved)) return yield* fail("EINVAL")
    if (source.folders.some((each) => each === replaced)) return yield* fail("ENOTEMPTY")
    // Two names of one file: POSIX has it that both of them stay.
    if (moved === replaced) return
    if (replaced?._tag === "Directory") {
      if (moved._tag === "File") return yield* fail("EISDIR")
      if (replaced.entries.size > 0) return yield* fail("ENOTEMPTY")
    }
    if (replaced?._tag === "File" && moved._tag === "Directory") return yield* fail("ENOTDIR")
    change([entryOf(source, undefined), entryOf(target, moved)], now, replaced)
  })

const link = ({ root, change }: Tree, from: string, to: string, now: number): Attempt<void> =>
  Either.gen(function* () {
    const fail = failing("link", from, to)
    const inode = yield* find(root, from, fail)
    const place = yield* locate(root, to, fail)
    if (place.inode !== undefined) return yield* fail("EEXIST")
    if (place.endsInSlash) return yield* fail("ENOENT")
    if (inode._tag === "Directory") return yield* fail("EPERM")
    change([entryOf(place, inode)], now)
  })

const remove = (
  { root, change }: Tree,
  path: string,
  { force = false, recursive = false }: FileSystem.RemoveOptions,
  now: number
): Attempt<void> => {
  const removeInode = (entry: Entry, inode: Inode) => {
    if (inode._tag === "Directory")
      for (const [name, child] of inode.entries) removeInode({ folder: inode, name, inode: undefined }, child)
    change([entry], now, inode)
  }
  return Either.gen(function* () {
    const fail = failing("lstat", path)
    const place = yield* locate(root, path, fail)
    const inode = yield* find(root, path, fail)
    if (inode._tag === "Directory" && !recursive)
      return yield* Either.left({
        code: "ERR_FS_EISDIR" as const,
        syscall: "rm",
        description: `Path is a directory: rm returned EISDIR (is a directory) ${path}`
      })
    removeInode(entryOf(place, undefined), inode)
  }).pipe(Either.orElse((failure) => (force && failure.code === "ENOENT" ? Either.void : Either.left(failure))))
}

const makeDirectory = (
  tree: Tree,
  path: string,
  { recursive = false, mode = 0o777 }: FileSystem.MakeDirectoryOptions,
  now: number
): Attempt<void> =>
  Either.gen(function* () {
    const { root, nextInode, change } = tree
    const fail = failing("mkdir", path)
    const parent = path.slice(0, path.replace(/\/+$/, "").lastIndexOf("/"))
    if (recursive && parent !== "")
      yield* Either.orElse(makeDirectory(tree, parent, { recursive, mode }, now), () => fail("ENOTDIR"))
    const place = yield* locate(root, path, fail)
    if (place.inode === undefined) change([entryOf(place, makeFolder(nextInode(), withoutUmask(mode), now))], now)
    else if (!recursive) yield* fail("EEXIST")
    else if (place.inode._tag === "File") yield* fail(place.endsInSlash ? "ENOTDIR" : "EEXIST")
  })

const readDirectory = (
  { root }: Tree,
  path: string,
  { recursive = false }: FileSystem.ReadDirectoryOptions
): Attempt<Array<string>> => {
  if (recursive) throw notModelled("reading a folder recursively")
  const fail = failing("scandir", path)
  return Either.flatMap(find(root, path, fail), (inode) =>
    inode._tag === "Directory" ? Either.right([...inode.entries.keys()].sort()) : fail("ENOTDIR")
  )
}

const readFile = ({ root }: Tree, path: string): Attempt<Uint8Array> =>
  Either.flatMap(find(root, path, failing("open", path)), (inode) =>
    inode._tag === "File" ? Either.right(inode.content.slice()) : failing("read")("EISDIR")
  )

const writeFile = (
  tree: Tree,
  path: string,
  data: Uint8Array,
  { flag = "w", ...options }: FileSystem.WriteFileOptions,
  now: number
): Attempt<void> =>
  Either.flatMap(openInode(tree, path, { ...options, flag }, now), (inode) => {
    if (inode._tag === "Directory" || flag === "r") return failing("write")("EBADF")
    writeAt(inode, flag.startsWith("a") ? inode.content.length : 0, data, now)
    return Either.void
  })

const truncate = ({ root }: Tree, path: string, length: number, now: number): Attempt<void> => {
  const fail = failing("open", path)
  return Either.flatMap(find(root, path, fail), (inode) => {
    if (inode._tag === "Directory") return fail("EISDIR")
    changeFile(inode, { _tag: "Truncate", length: Math.max(0, length) }, now)
    return Either.void
  })
}

const infoOf = (root: Folder, inode: Inode): FileSystem.File.Info => ({
  type: inode._tag,
  mtime: Option.some(new Date(inode.mtime)),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 1,
  ino: Option.some(inode.ino),
  mode: (inode._tag === "File" ? 0o100000 : 0o040000) | inode.mode,
  nlink: Option.some(countNames(root, inode)),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: FileSystem.Size(inode._tag === "File" ? inode.content.length : 0),
  blksize: Option.none(),
  blocks: Option.none()
})

// The service

type Ignored = Required<Pick<Options, "ignoreFileSync" | "ignoreFolderSync">>

const makeFileSystem = (tree: Tree, run: Run, ignored: Ignored): FileSystem.FileSystem => {
  const { root } = tree
  let lastFd = 2
  return FileSystem.make({
    ...methodsNotModelled,
    access: (path) =>
      run({ operation: "access", path }, () => Either.map(find(root, path, failing("access", path)), () => undefined)),
    link: (from, to) => run({ operation: "link", path: from }, (now) => link(tree, from, to, now)),
    makeDirectory: (path, options = {}) =>
      run({ operation: "makeDirectory", path }, (now) => makeDirectory(tree, path, options, now)),
    open: (path, options = {}) =>
      Effect.acquireRelease(
        run({ operation: "open", path }, (now) =>
          Either.map(openInode(tree, path, options, now), (inode): Handle => {
            const { flag = "r" } = options
            return { inode, flag, path, fd: ++lastFd, isOpen: true }
          })
        ),
        (handle) => Effect.sync(() => void (handle.isOpen = false))
      ).pipe(Effect.map((handle) => makeHandle(tree, run, ignored, handle))),
    readDirectory: (path, options = {}) =>
      run({ operation: "readDirectory", path }, () => readDirectory(tree, path, options)),
    readFile: (path) => run({ operation: "readFile", path }, () => readFile(tree, path)),
    // There are no links.
    readLink: (path) => {
      const fail = failing("readlink", path)
      return run({ operation: "readLink", path }, () => Either.flatMap(find(root, path, fail), () => fail("EINVAL")))
    },
    realPath: (path) =>
      run({ operation: "realPath", path }, () => {
        const real = `/${path.split("/").filter(Boolean).join("/")}`
        return Either.map(find(root, path === "" ? path : real, failing("lstat", path)), () => real)
      }),
    remove: (path, options = {}) => run({ operation: "remove", path }, (now) => remove(tree, path, options, now)),
    rename: (from, to) => run({ operation: "rename", path: from }, (now) => rename(tree, from, to, now)),
    stat: (path) =>
      run({ operation: "stat", path }, () =>
        Either.map(find(root, path, failing("stat", path)), (inode) => infoOf(root, inode))
      ),
    truncate: (path, length = 0) =>
      run({ operation: "truncate", path }, (now) => truncate(tree, path, Number(length), now)),
    utimes: (path, _, mtime) =>
      run({ operation: "utimes", method: "utime", path }, () =>
        Either.map(find(root, path, failing("utime", path)), (inode) => {
          inode.mtime = typeof mtime === "number" ? mtime * 1000 : mtime.getTime()
        })
      ),
    writeFile: (path, data, options = {}) =>
      run({ operation: "writeFile", path }, (now) => writeFile(tree, path, data, options, now))
  })
}

const dies = (method: string) => () => Effect.die(notModelled(`'${method}'`))

const methodsNotModelled = {
  chmod: dies("chmod"),
  chown: dies("chown"),
  copy: dies("copy"),
  copyFile: dies("copyFile"),
  makeTempDirectory: dies("makeTempDirectory"),
  makeTempDirectoryScoped: dies("makeTempDirectoryScoped"),
  makeTempFile: dies("makeTempFile"),
  makeTempFileScoped: dies("makeTempFileScoped"),
  symlink: dies("symlink"),
  watch: () => Stream.die(notModelled("'watch'"))
}

interface Handle {
  readonly inode: Inode
  readonly flag: FileSystem.OpenFlag
  readonly path: string
  readonly fd: number
  isOpen: boolean
}

const makeHandle = (tree: Tree, run: Run, ignored: Ignored, handle: Handle): FileSystem.File => {
  const { inode, flag, path, fd } = handle
  const appends = flag.startsWith("a")
  let position = 0

  const readInto = (buffer: Uint8Array): Attempt<number> => {
    const fail = failing("read")
    // Node does not even ask the system for nothing.
    if (buffer.length === 0) return Either.right(0)
    if (!handle.isOpen || !(flag.startsWith("r") || flag.endsWith("+"))) return fail("EBADF")
    if (inode._tag === "Directory") return fail("EISDIR")
    const bytes = inode.content.subarray(position, position + buffer.length)
    buffer.set(bytes)
    position += bytes.length
    return Either.right(bytes.length)
  }

  const write = (buffer: Uint8Array, now: number): Attempt<number> => {
    if (!handle.isOpen || inode._tag === "Directory" || flag === "r") return failing("write")("EBADF")
    writeAt(inode, appends ? inode.content.length : position, buffer, now)
    if (!appends) position += buffer.length
    return Either.right(buffer.length)
  }

  const truncate = (length: number, now: number): Attempt<void> => {
    if (!handle.isOpen) return failing("ftruncate")("EBADF")
    if (inode._tag === "Directory" || flag === "r") return failing("ftruncate")("EINVAL")
    changeFile(inode, { _tag: "Truncate", length: Math.max(0, length) }, now)
    if (!appends) position = Math.min(position, length)
    return Either.void
  }

  const sync = (): Attempt<void> => {
    if (!handle.isOpen) return failing("fsync")("EBADF")
    if (inode._tag === "File" && !ignored.ignoreFileSync) syncFile(inode)
    if (inode._tag === "Directory" && !ignored.ignoreFolderSync) tree.syncFolder(inode)
    return Either.void
  }

  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    fd: FileSystem.FileDescriptor(fd),
    stat: run({ operation: "stat", path, fd }, () =>
      handle.isOpen ? Either.right(infoOf(tree.root, inode)) : failing("fstat")("EBADF")
    ),
    sync: run({ operation: "sync", path, fd }, sync),
    seek: (offset, from) =>
      Effect.sync(() => void (position = from === "start" ? Number(offset) : position + Number(offset))),
    read: (buffer) =>
      Effect.map(
        run({ operation: "read", path, fd }, () => readInto(buffer)),
        FileSystem.Size
      ),
    readAlloc: (size) =>
      run({ operation: "read", method: "readAlloc", path, fd }, () => {
        const buffer = Buffer.alloc(Number(size))
        return Either.map(readInto(buffer), (count) =>
          count === 0 ? Option.none() : Option.some(buffer.subarray(0, count))
        )
      }),
    truncate: (length = 0) => run({ operation: "truncate", path, fd }, (now) => truncate(Number(length), now)),
    write: (buffer) =>
      Effect.map(
        run({ operation: "write", path, fd }, (now) => write(buffer, now)),
        FileSystem.Size
      ),
    writeAll: (buffer) =>
      Effect.flatMap(
        run({ operation: "write", method: "writeAll", path, fd }, (now) => write(buffer, now)),
        // As Node's does, which takes the end of nothing for a failure.
        (count) => (count === 0 ? Effect.fail(writeZero(fd)) : Effect.void)
      )
  }
}

const writeZero = (fd: number) =>
  new SystemError({
    module: "FileSystem",
    method: "writeAll",
    reason: "WriteZero",
    pathOrDescriptor: fd,
    description: "write returned 0 bytes written"
  })
