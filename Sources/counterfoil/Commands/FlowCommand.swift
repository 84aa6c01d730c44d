internal import FoundationEssentials
internal import Kernel
internal import Wire

/// When a flow works, by the API, for people at a terminal.
enum FlowCommand: Command {
    static let name = "flow"
    static let summary = "a flow's schedules: show, state, preview, run, pause, resume"
    static let help = """
        usage: counterfoil flow schedules FLOW [--put FILE] [--json]
               counterfoil flow preview FLOW SCHEDULE=RULE ... [--after TIME]
               counterfoil flow run | pause | resume FLOW SCHEDULE

          FLOW        the flow's id
          SCHEDULE    pull (asking the source), post (sending what is cleared), or one form of postings: invoice, payment, summary …
          RULE        realtime, 'every 15 minutes', hourly, 'daily at 06:00', '0 6 * * 1-5 Europe/London'
          --put FILE  JSON5 of {schedule: rule}: brings the flow to what the file says, and prints everything that is wrong with it
          --after TIME   from when to count (2026-10-24T12:00:00Z); now, unless said
          --api URL   the API (http://127.0.0.1:8080); the key is taken from COUNTERFOIL_API_KEY
        docs/schedules.md tells what each means where the clock changes.
        """
    static let options = ["put", "after", "api"]
    static let flags = ["json"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let words = arguments.rest
        guard words.count >= 2 else { throw usage("counterfoil flow schedules | preview | run | pause | resume FLOW …") }
        let api = try API(arguments), path = "/v1/flows/\(Form.percent(words[1]))/schedules"
        switch (words[0], words.count) {
        case ("schedules", 2): tell(try await schedules(arguments, api, path), arguments)
        case ("preview", 3...):
            var members: [(key: String, value: JSON)] = []
            for word in words.dropFirst(2) {
                let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { throw usage("counterfoil flow preview FLOW SCHEDULE=RULE") }
                members.append((parts[0], .string(parts[1])))
            }
            let after = arguments.value("after").map { "?after=\(Form.percent($0))" } ?? ""
            tell(try await api.post("\(path)/preview\(after)", .object(members)), arguments)
        case ("run", 3):
            _ = try await api.post("\(path)/\(Form.percent(words[2]))/run", .object([]))
            say("\(words[2]) runs")
        case ("pause", 3), ("resume", 3): tell(try await api.post("\(path)/\(Form.percent(words[2]))/\(words[0])", .object([])), arguments)
        default: throw usage("counterfoil flow schedules | preview | run | pause | resume FLOW …")
        }
        return 0
    }

    private static func schedules(_ arguments: Arguments, _ api: API, _ path: String) async throws(Fault) -> JSON {
        guard let file = arguments.value("put") else { return try await api.get(path) }
        guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw usage("\(file) can't be read") }
        return try await api.put(path, try JSON(json5: String(decoding: data, as: UTF8.self)))
    }

    private static func tell(_ answer: JSON, _ arguments: Arguments) {
        if arguments.flags.contains("json") {
            say(answer.text)
            return
        }
        let items = answer["items"]?.array ?? []
        if items.isEmpty { say("no schedules: everything is done as it comes") }
        for item in items {
            func text(_ name: String) -> String { item[name]?.string ?? "" }
            var head = text("schedule").padded(to: 16) + (item["stated"]?.bool == false ? "" : text("rule")) + " (\(text("time_zone")))"
            if text("state") == "paused" { head += ", paused" }
            if let waiting = item["waiting"]?.int, waiting > 0 { head += ", \(waiting) wait" }
            say(head)
            for run in (item["next_runs"]?.array ?? []).compactMap(\.string) { say(String(repeating: " ", count: 16) + run) }
        }
    }
}
