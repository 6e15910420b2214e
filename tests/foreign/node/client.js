// @grpc/grpc-js against a job: `node client.js HOST:PORT CA_FILE|- PROTOS JOB_ID`.
//
// Lists the services by reflection, asks both healths, and streams the whole job twice: as bytes, for their digest, and
// decoded with keepCase, as front ends do. Prints one JSON object.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [target, ca, protos, jobId] = process.argv.slice(2);
const credentials =
  ca === "-" ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(fs.readFileSync(ca));
const options = { "grpc.max_receive_message_length": 100 * 1024 * 1024 };
const load = (file) =>
  grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: String, defaults: true }));
const deadline = () => ({ deadline: Date.now() + 50_000 });

function varint(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}

const unary = (client, method, request) =>
  new Promise((resolve, reject) =>
    client[method](request, deadline(), (error, answer) => (error ? reject(error) : resolve(answer))),
  );

const ended = (call, onData) =>
  new Promise((resolve, reject) => {
    call.on("data", onData);
    call.on("error", reject);
    call.on("status", (status) => resolve(status.code));
  });

async function services() {
  const { ServerReflection } = load(path.join(__dirname, "services.proto")).grpc.reflection.v1;
  const call = new ServerReflection(target, credentials, options).ServerReflectionInfo(deadline());
  const names = [];
  const end = ended(call, (answer) => {
    names.push(...answer.list_services_response.service.map((service) => service.name));
    call.end();
  });
  call.write({ list_services: "" });
  await end;
  return names.sort();
}

async function main() {
  const { Health } = load(path.join(__dirname, "health.proto")).grpc.health.v1;
  const { DataStreamService } = load(path.join(protos, "datastream.proto")).datastream;
  const job = new DataStreamService(target, credentials, options);
  const health = await unary(new Health(target, credentials, options), "Check", { service: "" });
  const jobHealth = await unary(job, "CheckHealth", {});

  const digest = crypto.createHash("sha256");
  let messages = 0;
  const { path: method, requestSerialize } = DataStreamService.service.StreamSpectrograms;
  const raw = new grpc.Client(target, credentials, options);
  const request = { job_id: jobId, max_frames: 0 };
  const asBytes = raw.makeServerStreamRequest(method, requestSerialize, (bytes) => bytes, request, deadline());
  const code = await ended(asBytes, (bytes) => {
    messages += 1;
    digest.update(varint(bytes.length)).update(bytes);
  });
  let rows = 0;
  await ended(job.StreamSpectrograms(request, deadline()), (frame) => {
    rows += frame.rows.length;
    if (frame.rows.some((row) => row.canvasId === undefined)) throw new Error("canvasId lost its case");
  });
  const result = {
    services: await services(),
    health: health.status,
    healthy: jobHealth.healthy,
    code,
    messages,
    rows,
    digest: digest.digest("hex"),
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
