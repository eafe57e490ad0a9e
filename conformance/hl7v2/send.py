"""Sends the messages of a JSON file over MLLP with python3-hl7 and prints what was answered:
send.py PORT messages.json [CA [CERTIFICATE KEY]], with a CA over TLS."""
import asyncio
import json
import ssl
import sys

import hl7
import hl7.mllp


def expected(text):
    fields = (text.split("\r")[0] + "||||||||||||||||").split("|")
    accept, application = fields[14], fields[15]
    return 1 if accept == "" and application == "" else (accept == "AL") + (application == "AL")


async def main():
    tls = {}
    if len(sys.argv) > 3:
        context = ssl.create_default_context(cafile=sys.argv[3])
        if len(sys.argv) > 5:
            context.load_cert_chain(sys.argv[4], sys.argv[5])
        tls = {"ssl": context, "server_hostname": "127.0.0.1"}
    reader, writer = await hl7.mllp.open_hl7_connection("127.0.0.1", int(sys.argv[1]), encoding="utf-8", **tls)
    answers = []
    with open(sys.argv[2], encoding="utf-8") as f:
        messages = json.load(f)
    for text in messages:
        writer.writemessage(hl7.parse(text))
        await writer.drain()
        for _ in range(expected(text)):
            a = await reader.readmessage()
            answers.append({"type": str(a.segment("MSH")[9]), "code": str(a.segment("MSA")[1]), "control": str(a.segment("MSA")[2]), "raw": str(a)})
    writer.close()
    print(json.dumps({"answers": answers, "errors": []}))


asyncio.run(main())
