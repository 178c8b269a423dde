"""The public doors through which the sample day's messages come: the web form, WeChat's push, and the replay program.

Nothing here knows more than an outsider would: addresses, the account's token and key, and files of messages.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import pathlib
import secrets
import struct
import subprocess
import time
import urllib.error
import urllib.request


def call(method, url, body=None, headers=None, timeout=8):
    """(status, body bytes); a refusal is an answer too. OSError when nobody answers."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class WebForm:
    """POST /v1/messages with an Idempotency-Key; the answer is the receipt number."""

    def __init__(self, gateway, run):
        self.url, self.run = f"http://{gateway}/v1/messages", run

    def send(self, message):
        body = {"account": "default", "title": message["title"], "text": message["text"], "author": {"name": message["author"]}}
        if message["place"]:
            body["place"] = message["place"]
        status, answer = call("POST", self.url, json.dumps(body, ensure_ascii=False).encode(),
                              {"Content-Type": "application/json", "Idempotency-Key": f"{self.run}-{message['id']}"})
        if status >= 300:
            raise RuntimeError(f"web form: {status} {answer[:200]!r}")
        return json.loads(answer)["receipt_number"]


class Aes256Cbc:
    """AES-256-CBC without padding from the system's libcrypto, since Python brings none."""

    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
        self.lib.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
        self.lib.EVP_aes_256_cbc.restype = ctypes.c_void_p

    def encrypt(self, key, iv, plain):
        context = ctypes.c_void_p(self.lib.EVP_CIPHER_CTX_new())
        out, length = ctypes.create_string_buffer(len(plain) + 32), ctypes.c_int()
        try:
            good = self.lib.EVP_EncryptInit_ex(context, ctypes.c_void_p(self.lib.EVP_aes_256_cbc()), None, key, iv) == 1
            self.lib.EVP_CIPHER_CTX_set_padding(context, 0)
            good = good and self.lib.EVP_EncryptUpdate(context, out, ctypes.byref(length), plain, len(plain)) == 1
        finally:
            self.lib.EVP_CIPHER_CTX_free(context)
        if not good:
            raise RuntimeError("libcrypto cannot encrypt")
        return out.raw[:length.value]


class WeChat:
    """Pushes of an official account in safe mode, as the platform makes them."""

    def __init__(self, gateway, account):
        self.url = f"http://{gateway}/weixin/{account['name']}"
        self.gh, self.appid = account["gh_id"], account["appid"]
        self.token = pathlib.Path(account["token_file"]).read_text().strip()
        self.key = base64.b64decode(pathlib.Path(account["aes_key_file"]).read_text().strip() + "=")
        self.aes, self.next_id = Aes256Cbc(), int(time.time()) * 1000

    def send(self, message):
        self.next_id += 1
        xml = (f"<xml><ToUserName><![CDATA[{self.gh}]]></ToUserName><FromUserName><![CDATA[{message['who']}]]></FromUserName>"
               f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
               f"<Content><![CDATA[{message['text']}]]></Content><MsgId>{self.next_id}</MsgId></xml>").encode()
        plain = os.urandom(16) + struct.pack(">I", len(xml)) + xml + self.appid.encode()
        pad = 32 - len(plain) % 32
        sealed = base64.b64encode(self.aes.encrypt(self.key, self.key[:16], plain + bytes([pad]) * pad)).decode()
        stamp, nonce = str(int(time.time())), secrets.token_hex(8)
        sign = hashlib.sha1("".join(sorted([self.token, stamp, nonce, sealed])).encode()).hexdigest()
        plain_sign = hashlib.sha1("".join(sorted([self.token, stamp, nonce])).encode()).hexdigest()
        url = (f"{self.url}?signature={plain_sign}&timestamp={stamp}&nonce={nonce}&openid={message['who']}"
               f"&encrypt_type=aes&msg_signature={sign}")
        body = f"<xml><ToUserName><![CDATA[{self.gh}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
        status, answer = call("POST", url, body, {"Content-Type": "text/xml"})
        if status != 200:
            raise RuntimeError(f"weixin: {status} {answer[:200]!r}")


class Replay:
    """producers/replay with a mapping file of its own, one call for each batch of lines."""

    def __init__(self, where, folder, run):
        self.where, self.folder, self.run = where, pathlib.Path(folder), run
        self.folder.mkdir(parents=True, exist_ok=True)

    def send(self, mapping, messages):
        lines = self.folder / f"{mapping}-{self.run}-{messages[0]['at']}.jsonl"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with open(lines, "w", encoding="utf-8") as out:
            for message in messages:
                row = {"id": f"{self.run}-{message['who']}-{message['at']}", "who": message["who"], "text": message["text"], "time": now}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        subprocess.run([f"{self.where['bin']}/replay", "--config", self.where["config"], "--mapping",
                        str(pathlib.Path(__file__).parent / f"{mapping}.yaml"), str(lines)], check=True, timeout=60)
        lines.unlink()
