"""The platform's side of WeChat: messages encrypted and signed by npm's wechat-crypto, as HTTP requests."""
import json
import pathlib
import subprocess
import urllib.parse

from harness import paths

HERE = pathlib.Path(__file__).parent
NPM = paths.BUILD / "npm"


def packages():
    """build/npm with the packages of the lock file; tests/run makes it, a single test run may have to."""
    if not (NPM / "node_modules/wechat-crypto").is_dir():
        NPM.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (NPM / name).write_bytes((paths.ROOT / "tests/npm" / name).read_bytes())
        subprocess.run(["npm", "ci", "--prefix", str(NPM), "--no-audit", "--no-fund", "--ignore-scripts"], check=True,
                       stdout=subprocess.DEVNULL)
    return NPM


class Account:
    """One official account: what stands in the platform's settings and in the gateway's file."""

    def __init__(self, name, gh, appid, token, key, previous=""):
        self.name, self.gh, self.appid, self.token, self.key, self.previous = name, gh, appid, token, key, previous

    def yaml(self):
        return (f"gh_id: {self.gh}\nappid: {self.appid}\ntoken: {self.token}\naes_key: {self.key}\n"
                f"aes_key_previous: \"{self.previous}\"\n")

    def text(self, writer, msg_id, when, content):
        return (f"<xml><ToUserName><![CDATA[{self.gh}]]></ToUserName><FromUserName><![CDATA[{writer}]]></FromUserName>"
                f"<CreateTime>{when}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
                f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId></xml>")

    def pushes(self, xmls, when, key=None, appid=None):
        """[(path with query, body)] for messages, encrypted by wechat-crypto in one process."""
        lines = [json.dumps({"token": self.token, "key": key or self.key, "appid": appid or self.appid,
                             "timestamp": str(when), "nonce": str(1000 + i), "xml": xml}) for i, xml in enumerate(xmls)]
        done = subprocess.run(["node", "--no-deprecation", str(HERE / "push.js"), str(packages())], check=True,
                              input="\n".join(lines) + "\n", capture_output=True, text=True)
        return [self._request(json.loads(line), when, 1000 + i) for i, line in enumerate(done.stdout.splitlines())]

    def _request(self, made, when, nonce):
        query = urllib.parse.urlencode({"signature": "0" * 40, "timestamp": when, "nonce": nonce, "openid": "o",
                                        "encrypt_type": "aes", "msg_signature": made["signature"]})
        body = (f"<xml><ToUserName><![CDATA[{self.gh}]]></ToUserName>"
                f"<Encrypt><![CDATA[{made['encrypt']}]]></Encrypt></xml>")
        return f"/weixin/{self.name}?{query}", body.encode()
