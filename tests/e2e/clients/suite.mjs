// A client of the suite in JavaScript, with @grpc/grpc-js and @grpc/proto-loader: no generated code, contracts read from
// the .proto files. Prints a line of JSON for each message or error it receives.
//
//   node suite.mjs TARGET API_KEY lead LEAD_ID                  GetLead
//   node suite.mjs TARGET API_KEY ingest EVENT_JSON             IngestEvent
//   node suite.mjs TARGET API_KEY stream EVENT_JSON...          StreamEvents, all events, then half-close
//   node suite.mjs TARGET API_KEY watch COUNT [RESUME_TOKEN]    WatchScores until COUNT changes have come

import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const protos = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "protos");
const definition = loader.loadSync(
  [
    "scoreline/ingest/v1/ingest_service.proto",
    "scoreline/scoring/v1/scoring_service.proto",
    "scoreline/notify/v1/notify_service.proto",
    "google/rpc/error_details.proto",
  ],
  { includeDirs: [protos, join(protos, "third_party")], keepCase: true, enums: String, longs: Number, oneofs: true },
);
const { scoreline } = grpc.loadPackageDefinition(definition);

const [target, apiKey, command, ...rest] = process.argv.slice(2);
const metadata = new grpc.Metadata();
metadata.set("x-api-key", apiKey);
const client = (Service) => new Service(target, grpc.credentials.createInsecure());
const deadline = () => ({ deadline: Date.now() + 30_000 });
const print = (value) => process.stdout.write(JSON.stringify(value) + "\n");

function printError(error) {
  print({ error: { code: grpc.status[error.code], message: error.details } });
}

function printAnswer(error, answer) {
  if (error) printError(error);
  else print(answer);
}

const commands = {
  lead([leadId]) {
    client(scoreline.scoring.v1.ScoringService).GetLead({ lead_id: leadId }, metadata, deadline(), printAnswer);
  },

  ingest([event]) {
    const request = { event: JSON.parse(event) };
    client(scoreline.ingest.v1.IngestService).IngestEvent(request, metadata, deadline(), printAnswer);
  },

  stream(events) {
    const call = client(scoreline.ingest.v1.IngestService).StreamEvents(metadata, deadline());
    call.on("data", print);
    call.on("error", printError);
    for (const event of events) call.write({ event: JSON.parse(event) });
    call.end();
  },

  watch([count, resumeToken]) {
    const request = { resume_token: resumeToken ?? "" };
    const call = client(scoreline.notify.v1.NotifyService).WatchScores(request, metadata, deadline());
    let missing = Number(count);
    call.on("data", (message) => {
      print(message);
      if (message.message === "score_change" && --missing === 0) call.cancel();
    });
    call.on("error", (error) => {
      if (error.code !== grpc.status.CANCELLED) printError(error);
    });
  },
};

commands[command](rest);
