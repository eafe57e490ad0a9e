"""Receives messages over MLLP with python3-hl7 and answers AA; prints a line of JSON for each, and its port first.

A message that is not UTF-8 is never answered.
"""
import asyncio
import json

import hl7.mllp


async def serve(reader, writer):
    try:
        while not writer.is_closing():
            try:
                message = await reader.readmessage()
            except UnicodeDecodeError:
                continue
            print(json.dumps({"control": str(message.segment("MSH")[10]), "raw": str(message)}), flush=True)
            writer.writemessage(message.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


async def main():
    server = await hl7.mllp.start_hl7_server(serve, host="127.0.0.1", port=0, encoding="utf-8", limit=16 << 20)  # bytes of a message
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
