"""usage: python3 verify.py KEYS.pem OUTSIDE.jsonl OLDEST.jsonl ... NEWEST.jsonl; /dev/null for no keys or no outside seals"""
import base64, gzip, hashlib, re, sys
NUMBER, HASH, DATE = rb'[1-9][0-9]{0,14}', rb'[0-9a-f]{64}', rb'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'
SIGNATURE = rb'{"key":"([0-9a-f]{16})","signature":"([A-Za-z0-9+/]{86}==)"}'
SEAL = rb'"seal":{"date":"(?P<date>%b)","every":(?P<every>%b),"signatures":\[(?P<signatures>%b(?:,%b)*)\]}'
MARK = rb'(?:,"trimmed":{"before":(?P<before>%b)})?(?:,%b)?' % (NUMBER, SEAL % (DATE, NUMBER, SIGNATURE, SIGNATURE))
CHAIN = rb'.*,"chain":{"v":1,"seq":(?P<seq>%b),"prev":"(?P<prev>%b)"%b,"hash":"(?P<hash>%b)"}}\n' % (NUMBER, HASH, MARK, HASH)
DAMAGED = rb'"chain":{"v":|"prev":"[0-9a-f]{64}|"hash":"[0-9a-f]{64}'
def read(line): return (r := re.fullmatch(CHAIN, line, re.DOTALL)) and int(r["before"] or 0) <= int(r["seq"]) and r
def sha256(data): return hashlib.sha256(data).hexdigest().encode()
def lines_of(path): return (line for line in (gzip.open if path.endswith(".gz") else open)(path, "rb") if line[-1:] == b"\n")
def read_keys(path):
    pems = re.findall(rb'-----BEGIN.+?-----END [A-Z ]+-----|\A(?!.*-----END).+', open(path, "rb").read(), re.DOTALL)
    if not pems: return {}
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key as load
    return {sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))[:16]: key for key in map(load, pems)}
def is_signed(record, keys):
    text = b"registrar-seal:1:%d:%b:%b:%b" % (int(record["seq"]) - 1, record["prev"], record["every"], record["date"]) + (b":%b" % record["before"] if record["before"] else b"")
    known = [(keys[key], signature) for key, signature in re.findall(SIGNATURE, record["signatures"]) if key in keys]
    try: return all([key.verify(base64.b64decode(signature), text) is None for key, signature in known]) and known
    except Exception: return False  # InvalidSignature
def verify(keys_path, outside_path, *paths):
    keys = read_keys(keys_path)
    outside = [read(line) for line in lines_of(outside_path) if line[-79:-68] == b']},"hash":"' and line[-4:] == b'"}}\n']
    if not all(r and sha256(r[0][:-77]) == r["hash"] for r in outside): return "bad 0 is damaged: a seal kept outside"
    demanded = {int(r["seq"]): {other[0] for other in outside if other["seq"] == r["seq"]} for r in outside}
    count, first, seq, prev, since, every, seals, removed = 0, 0, 0, b"0" * 64, 0, 10**15, 0, 1
    for count, line in enumerate((line for path in paths for line in lines_of(path)), 1):
        if not (r := read(line)):
            if first or re.search(DAMAGED, line.rpartition(b'"source":')[2]): return f"bad {count} is no record of a chain"
            continue  # from before the chain was begun
        if sha256(line[:-77]) != r["hash"]: return f"bad {count} was modified"
        if count > 1 and int(r["seq"]) != seq + 1: return f"bad {count} has seq {int(r['seq'])} in place of {seq + 1}"
        if r["prev"] != prev and (first or r["seq"] == b"1"): return f"bad {count} is linked to another record"
        first, seq, prev, since = first or int(r["seq"]), int(r["seq"]), r["hash"], since + 1
        if demanded.get(seq, {line}) != {line}: return f"bad {count} is not the seal kept outside"
        if r["date"]:
            if keys and not is_signed(r, keys): return f"bad {count} is not signed with the keys"
            since, every, seals = 0, int(r["every"]), seals + 1
        if since > every: return f"bad {count} should be a seal"
        if r["date"] or not keys: removed = max(removed, int(r["before"] or 0))
    if any(demand > seq for demand in demanded): return f"bad {count + 1} is missing: the end was cut off"
    if first > removed: return "bad 1 has others missing before it"
    if count and not first or keys and not seals: return "bad 1 is not chained or not sealed"
    return f"valid {count}" + ("" if keys else ", signatures not checked")
if __name__ == "__main__":
    try: verdict = verify(*sys.argv[1:]) if len(sys.argv) > 3 else __doc__
    except Exception as error: verdict = f"The log cannot be verified: {error}"
    status = {"valid": 0, "bad": 1}.get(verdict.split()[0], 2)
    sys.exit(print(verdict, file=sys.stderr if status == 2 else sys.stdout) or status)
