"""python3 verify.py KEYS.pem OUTSIDE.jsonl OLDEST.jsonl ... NEWEST.jsonl; /dev/null for no keys or no outside seals"""
import base64, hashlib, re, sys
try: from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
except ImportError: load_pem_public_key = None  # the chain is verified, its signatures are not

NUMBER, HASH = rb'[1-9][0-9]{0,14}', rb'[0-9a-f]{64}'
DATE = rb'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'
SIGNATURE = rb'{"key":"([0-9a-f]{16})","signature":"([A-Za-z0-9+/]{86}==)"}'
SEAL = rb'"seal":{"date":"(?P<date>%b)","every":(?P<every>%b),"signatures":\[(?P<signatures>%b(?:,%b)*)\]}'
MARK = rb'(?:,%b|,"trimmed":{"before":(?P<before>%b)})?' % (SEAL % (DATE, NUMBER, SIGNATURE, SIGNATURE), NUMBER)
CHAIN = rb'.*,"chain":{"v":1,"seq":(?P<seq>%b),"prev":"(?P<prev>%b)"%b,"hash":"(?P<hash>%b)"}}\n'
DAMAGED = rb'"chain":{"v":|"prev":"[0-9a-f]{64}|"hash":"[0-9a-f]{64}'

def sha256(data): return hashlib.sha256(data).hexdigest().encode()
def read_keys(path):
    for key in map(load_pem_public_key, re.findall(rb'-----BEGIN.+?-----END [A-Z ]+-----', open(path, "rb").read(), re.DOTALL)):
        yield sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))[:16], key

def is_signed(record, keys):
    text = b"registrar-seal:1:%d:%b:%b:%b" % (int(record["seq"]) - 1, record["prev"], record["every"], record["date"])
    known = [(keys[key], signature) for key, signature in re.findall(SIGNATURE, record["signatures"]) if key in keys]
    try: return all([key.verify(base64.b64decode(signature), text) is None for key, signature in known]) and known
    except Exception: return False  # InvalidSignature

def verify(keys_path, outside_path, *paths):
    keys = dict(read_keys(keys_path)) if load_pem_public_key else {}
    read = re.compile(CHAIN % (NUMBER, HASH, MARK, HASH), re.DOTALL).fullmatch
    outside = [r for r in map(read, open(outside_path, "rb")) if r and r["date"] and sha256(r[0][:-77]) == r["hash"]]
    demanded = {int(r["seq"]): {other[0] for other in outside if other["seq"] == r["seq"]} for r in outside}
    count, first, seq, prev, since, every, seals, removed, proven = 0, 0, 0, b"0" * 64, 0, 10**15, 0, 1, 1
    for line in (line for path in paths for line in open(path, "rb") if line.endswith(b"\n")):  # a torn end is no record
        count, r = count + 1, read(line)
        if not r or int(r["before"] or 0) > int(r["seq"]):
            if first or re.search(DAMAGED, line.rpartition(b'"source":')[2]): return f"bad {count} is no record of a chain"
            continue  # from before the chain was begun
        if sha256(line[:-77]) != r["hash"]: return f"bad {count} was modified"
        if count > 1 and int(r["seq"]) != seq + 1: return f"bad {count} has seq {int(r['seq'])} in place of {seq + 1}"
        if r["prev"] != prev and (first or r["seq"] == b"1"): return f"bad {count} is linked to another record"
        first, seq, prev, since = first or int(r["seq"]), int(r["seq"]), r["hash"], since + 1
        if demanded.get(seq, {line}) != {line}: return f"bad {count} is not the seal kept outside"
        if r["date"]:
            if keys and not is_signed(r, keys): return f"bad {count} is not signed with the keys"
            since, every, seals, proven = 0, int(r["every"]), seals + 1, removed
        if since > every: return f"bad {count} should be a seal"
        removed = max(removed, int(r["before"] or 0))
    if any(demand > seq for demand in demanded): return f"bad {count + 1} is missing: the end was cut off"
    if first > (proven if keys else removed): return "bad 1 has others missing before it"
    return f"valid {count}" if not count or first and (seals or not keys) else "bad 1 is not chained or not sealed"

if __name__ == "__main__": print(verify(*sys.argv[1:]))
