internal import FoundationEssentials
internal import Kernel
internal import Wire

/// Alerts by the API, for people at a terminal.
enum AlertsCommand: Command {
    static let name = "alerts"
    static let summary = "list, acknowledge and mute alerts; rules, routes and quotas"
    static let help = """
        usage: counterfoil alerts list [--tenant ID] [--state STATE] [--cause CAUSE] [--json]
               counterfoil alerts show ALERT
               counterfoil alerts acknowledge ALERT [--note TEXT]
               counterfoil alerts mute ALERT --until TIME [--note TEXT]
               counterfoil alerts unmute ALERT
               counterfoil alerts rules | routes [--tenant ID] [--put FILE]
               counterfoil alerts test ROUTE [--tenant ID]
               counterfoil alerts deliveries [--tenant ID] [--state STATE]
               counterfoil alerts quota --tenant ID CONNECTION

          --tenant ID     a tenant's; without it the operator's (list: everything the key sees)
          --state STATE   open, acknowledged, muted, resolved or unresolved (list: unresolved); of deliveries waiting, delivered, failed or dropped
          --until TIME    2026-11-30T08:00:00Z, 90 days ahead at most
          --put FILE      JSON5 of {bounds, rules} or {routes: […]}: brings them to what the file says, and prints everything that is wrong with it
          --api URL       the API (http://127.0.0.1:8080); the key is taken from COUNTERFOIL_API_KEY
        `test` waits for what becomes of its message; the exit status is 1 when it does not arrive.
        """
    static let options = ["tenant", "state", "cause", "note", "until", "put", "api"]
    static let flags = ["json"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let api = try API(arguments)
        let words = arguments.rest
        func alert() throws(Fault) -> String {
            guard words.count == 2 else { throw usage("counterfoil alerts \(words.first ?? "show") ALERT") }
            return "/v1/alerts/\(Form.percent(words[1]))"
        }
        switch words.first {
        case "list": return try await list(arguments, api)
        case "show": say(try await api.get(try alert()).pretty())
        case "acknowledge": tell(try await api.post(try alert() + "/acknowledge", note(arguments, [])))
        case "mute":
            guard let until = arguments.value("until") else { throw usage("counterfoil alerts mute ALERT --until TIME") }
            tell(try await api.post(try alert() + "/mute", note(arguments, [("until", .string(until))])))
        case "unmute": tell(try await api.post(try alert() + "/unmute", .object([])))
        case "rules", "routes": return try await configuration(words[0], arguments, api)
        case "test":
            guard words.count == 2 else { throw usage("counterfoil alerts test ROUTE [--tenant ID]") }
            return try await test(words[1], arguments, api)
        case "deliveries":
            var path = base(arguments) + "/deliveries"
            if let state = arguments.value("state") { path += "?state=\(Form.percent(state))" }
            for item in try await api.items(path) { say(line(item)) }
        case "quota":
            guard words.count == 2, let tenant = arguments.value("tenant") else { throw usage("counterfoil alerts quota --tenant ID CONNECTION") }
            quota(try await api.get("/v1/tenants/\(Form.percent(tenant))/connections/\(Form.percent(words[1]))/quota"))
        default: throw usage("counterfoil alerts list | show | acknowledge | mute | unmute | rules | routes | test | deliveries | quota")
        }
        return 0
    }

    /// Whose rules and routes.
    private static func base(_ arguments: Arguments) -> String {
        arguments.value("tenant").map { "/v1/tenants/\(Form.percent($0))/alerts" } ?? "/v1/alerts"
    }

    private static func note(_ arguments: Arguments, _ members: [(key: String, value: JSON)]) -> JSON {
        .object(members + (arguments.value("note").map { [("note", .string($0))] } ?? []))
    }

    private static func list(_ arguments: Arguments, _ api: API) async throws(Fault) -> Int32 {
        var path = "/v1/alerts?state=\(Form.percent(arguments.value("state") ?? "unresolved"))"
        for name in ["tenant", "cause"] { if let value = arguments.value(name) { path += "&\(name)=\(Form.percent(value))" } }
        let items = try await api.items(path)
        if arguments.flags.contains("json") { say(JSON.array(items).text) } else {
            for item in items { tell(item) }
            if items.isEmpty { say("no alerts") }
        }
        return 0
    }

    private static func tell(_ alert: JSON) {
        func text(_ name: String) -> String { alert[name]?.string ?? "" }
        let head = text("severity").padded(to: 12) + text("state").padded(to: 13) + text("tenant_slug").padded(to: 18) + text("cause").padded(to: 14)
        say("\(head)\(alert["count"]?.int ?? 0)x  \(text("summary"))")
        var more = "            \(text("id"))  since \(text("opened_at"))"
        if !text("muted_until").isEmpty { more += "  muted until \(text("muted_until"))" }
        if !text("acknowledged_by").isEmpty { more += "  acknowledged by \(text("acknowledged_by"))" }
        say(more)
    }

    private static func line(_ item: JSON) -> String {
        func text(_ name: String) -> String { item[name]?.string ?? "" }
        let head = text("created_at").padded(to: 29) + text("state").padded(to: 11) + text("route").padded(to: 16) + text("purpose").padded(to: 10)
        return head + text("receiver").padded(to: 32) + text("outcome")
    }

    private static func configuration(_ what: String, _ arguments: Arguments, _ api: API) async throws(Fault) -> Int32 {
        let path = "\(base(arguments))/\(what)"
        guard let file = arguments.value("put") else {
            say(try await api.get(path).pretty())
            return 0
        }
        guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw usage("\(file) can't be read") }
        say(try await api.put(path, try JSON(json5: String(decoding: data, as: UTF8.self))).pretty())
        return 0
    }

    /// Asks for a test message and waits for its outcome.
    private static func test(_ route: String, _ arguments: Arguments, _ api: API) async throws(Fault) -> Int32 {
        let asked = try await api.post("\(base(arguments))/routes/\(Form.percent(route))/test", .object([]))
        var failed = false
        for id in (asked["deliveries"]?.array ?? []).compactMap(\.string) {
            var item: JSON = .null
            for _ in 0 ..< 240 {
                item = try await api.get("\(base(arguments))/deliveries/\(id)")
                if item["state"]?.string != "waiting" { break }
                do { try await Task.sleep(for: .milliseconds(250)) } catch { throw Fault.wrapping(error, stage: .api) }
            }
            say(line(item))
            failed = failed || item["state"]?.string != "delivered"
        }
        return failed ? 1 : 0
    }

    private static func quota(_ json: JSON) {
        for budget in json["budgets"]?.array ?? [] {
            func text(_ name: String) -> String { budget[name]?.string ?? "" }
            let window = Duration.milliseconds(budget["window_ms"]?.int ?? 0)
            let used = "\(budget["used"]?.int ?? 0) of \(budget["limit"]?.int ?? 0)"
            var line = text("name").padded(to: 16) + used.padded(to: 20) + "in \(Int(window.inSeconds)) s, by \(text("said_by"))"
            if !text("resets_at").isEmpty { line += ", anew at \(text("resets_at"))" }
            if !text("paused_until").isEmpty { line += ", paused until \(text("paused_until"))" }
            say(line)
        }
    }
}
