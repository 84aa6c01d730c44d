internal import AlertRules
internal import Books
internal import ConnectorKit
internal import Crypto
internal import FoundationEssentials
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Who is told of what, for a tenant and for the operator: docs/alerts.md.
    static let alertRules: [Endpoint] = ["/v1/alerts", "/v1/tenants/{tenant}/alerts"].flatMap { base in
        [
            Endpoint(.get, "\(base)/rules", .key(.read), About("Who is told of what", owners(base), .one(.alertRules), onlyOperator).tagged()) { visit in
                let owner = try await owner(visit)
                guard let row = try await visit.store.adminAlertRules(owner) else {
                    return .json(200, .object([("version", .number("0")), ("rules", .object([]))]), tag: Precondition.tag(version: 0))
                }
                return try visit.answer(row) { Precondition.tag(version: try JSON(parsing: $0.json).count("version")) }
            },
            Endpoint(.put, "\(base)/rules", .key(.admin), About(
                "Set who is told of what", owners(base), body: .whole(.alertRules, example: Thing.exampleAlertRules), .one(.alertRules), onlyOperator
            ).guarded()) { visit in try await putRules(visit) },
            Endpoint(.get, "\(base)/routes", .key(.read), About("Where messages go", owners(base), .one(.alertRoutes), onlyOperator)) { visit in
                try await routes(visit, try await owner(visit))
            },
            Endpoint(.put, "\(base)/routes", .key(.admin), About(
                "Set where messages go", owners(base) + " A route that is there may be named without its receiver: it stays as it is. One that is not named goes.",
                body: .whole(.alertRoutes, example: Thing.exampleAlertRoutes), .one(.alertRoutes), onlyOperator, .refused(503, "`alert_key_pending`: `counterfoil schedule` has not run yet.")
            )) { visit in try await putRoutes(visit) },
            Endpoint(.post, "\(base)/routes/{route}/test", .key(.write), About(
                "Send a test message", "To each receiver of the route, within a second or so. \(owners(base))", .json(202, .thing(.alertTest), "They will be sent."), onlyOperator,
                .refused(404, "`not_found`: there is no route of this name."), .refused(422, "`too_many_tests`: more than \(ControlPlaneLimits.alertTests) within the hour.")
            )) { visit in try await testRoute(visit) },
            Endpoint(.get, "\(base)/deliveries", .key(.read), About(
                "Messages", "Newest first. \(owners(base))",
                query: [.may("route", .line(most: 64), "By this route."), .may("state", .choice(["waiting", "delivered", "failed", "dropped"]))], .page(.delivery), onlyOperator
            )) { visit in
                let owner = try await owner(visit)
                var asked = try visit.asked()
                let page = try visit.page(), (route, state) = (asked.optionalText("route"), asked.choice("state"))
                return try visit.answer(try await visit.store.adminAlertDeliveries(owner, route: route, state: state, page), page)
            },
            Endpoint(.get, "\(base)/deliveries/{delivery}", .key(.read), About(
                "A message", "With what exactly is sent. \(owners(base))", .one(.deliveryInFull), onlyOperator
            )) { visit in
                let owner = try await owner(visit)
                guard let id = visit.parameters["delivery"].flatMap({ UUID(uuidString: $0) }) else { throw Refusal.notFound() }
                return try visit.answer(try await visit.store.adminAlertDelivery(owner, id))
            },
        ]
    }

    private static func owners(_ base: String) -> String {
        base.contains("{") ? "The tenant's own. docs/alerts.md." : "The operator's own, about all tenants. docs/alerts.md."
    }

    private static let onlyOperator = Reply.refused(403, "`operator_only`: the operator's own are for the operator's key.")

    /// The tenant in the path, or the operator where there is none.
    private static func owner(_ visit: Visit) async throws -> AlertOwner {
        if visit.parameters["tenant"] != nil { return AlertOwner(try await visit.tenant()) }
        guard visit.asker.isOperator else { throw Refusal.operatorOnly }
        return .operator
    }

    // MARK: Rules

    private static func putRules(_ visit: Visit) async throws -> HTTPResponse {
        let owner = try await owner(visit)
        let json = try body(visit, "rules")
        var known = Findings()
        _ = RuleBook.read(json, routes: nil, isOperator: owner.isOperator, into: &known)
        if known.list.isEmpty { try refuse(strict(.alertRules, json, at: "rules")) }
        let seen = try Precondition(visit.request)
        let (findings, answer) = try await visit.store.transaction { tx throws(Fault) -> (Findings, [UInt8]) in
            let names = Set(try await tx.alertRoutes(of: owner).map(\.name))
            var findings = Findings()
            let book = RuleBook.read(json, routes: names, isOperator: owner.isOperator, into: &findings)
            guard findings.list.isEmpty else { return (findings, []) }
            let isNew = try await tx.putAlertRules(owner, body: json.bytes, actor: visit.asker.actor)
            // Equal or not, the row is ours until the end: nobody comes between what was there and this.
            let row = try (try await tx.query(AlertRouteStatements.rules(owner))).adminRow()
            try seen.check(Precondition.tag(version: try JSON(parsing: row.json).count("version") - (isNew ? 1 : 0)), "who is told of what")
            if isNew {
                let detail = JSON.object([("rules", .array(book.rules.map { .string($0.name) }))])
                try await tx.audit(owner.id, [visit.entry("alerts.rules", "alert rules", detail.bytes)])
            }
            return (findings, row.json)
        }
        try refuse(findings)
        let kept = try JSON(parsing: answer)
        return .json(200, kept, tag: Precondition.tag(version: kept.count("version")))
    }

    // MARK: Routes

    private static func routes(_ visit: Visit, _ owner: AlertOwner) async throws -> HTTPResponse {
        var items: [JSON] = []
        for row in try await visit.store.adminAlertRoutes(owner) { items.append(try JSON(parsing: row.json)) }
        return .json(200, .object([("routes", .array(items))]))
    }

    private static func putRoutes(_ visit: Visit) async throws -> HTTPResponse {
        let owner = try await owner(visit)
        let json = try body(visit, "routes")
        var read = Findings()
        for (key, _) in json.object ?? [] where key != "routes" { read.add(String(key.prefix(64)), "is not a known member", "Known is routes.") }
        let routes = AlertRoute.read(json["routes"] ?? .null, into: &read)
        for (n, route) in routes.enumerated() { checkPlace(route, "routes[\(n)]", visit.desk, &read) }
        if read.list.isEmpty { try refuse(strict(.alertRoutes, json)) }
        let soFar = read
        let key = routes.contains { $0.secret != nil } ? try await alertKey(visit.desk) : nil
        let findings = try await visit.store.transaction { tx throws(Fault) -> Findings in
            var findings = soFar
            let before = Dictionary(try await tx.alertRoutes(of: owner).map { ($0.name, $0) }) { first, _ in first }
            var rows: [AlertRouteRow] = []
            for (n, route) in routes.enumerated() {
                if let row = try row(route, owner, before[route.name], key, "routes[\(n)]", &findings) { rows.append(row) }
            }
            try keepUsed(rows, try await tx.alertRules()[owner], &findings)
            guard findings.list.isEmpty else { return findings }
            if try await tx.putAlertRoutes(owner, rows, actor: visit.asker.actor) {
                let detail = JSON.object([("routes", .array(rows.map { .string($0.name) }))])
                try await tx.audit(owner.id, [visit.entry("alerts.routes", "alert routes", detail.bytes)])
            }
            return findings
        }
        try refuse(findings)
        return try await self.routes(visit, owner)
    }

    /// What is to be kept of a route: as it is where only its name was given; its old secret as long as it leads to the same place.
    private static func row(
        _ route: AlertRoute, _ owner: AlertOwner, _ before: AlertRouteRow?, _ key: BoxPublicKey?, _ position: String, _ findings: inout Findings
    ) throws(Fault) -> AlertRouteRow? {
        guard let receiver = route.receiver else {
            if before == nil, !route.name.isEmpty {
                findings.add(position, "has no receiver", "Add email, webhook or alertmanager; a route that is there may be named without.")
            }
            return before
        }
        var out = AlertRouteRow(owner: owner, name: route.name, kind: receiver.kind.rawValue, settings: route.settings(receiver).bytes, secret: nil)
        let place = "\(position).\(receiver.kind.rawValue)"
        if let secret = route.secret, let key {
            out.secret = try key.seal(secret.reveal(), context: AlertRoute.context(owner.id, route.name), random: SystemRandom())
        } else if let before, let old = AlertRoute(name: before.name, kind: before.kind, settings: try JSON(parsing: before.settings))?.receiver,
            old.kind == receiver.kind, old.place == receiver.place {
            out.secret = before.secret
        }
        switch receiver {
        case .webhook where out.secret == nil:
            findings.add("\(place).secret", "is missing", "Give the secret that messages are signed with; it is given anew when the address changes.")
        case .email(_, _, _, .some), .alertmanager(_, .some):
            if out.secret == nil { findings.add("\(place).password", "is missing", "Give the user's password; it is given anew when server or user change.") }
        case .webhook, .email, .alertmanager: break
        }
        return out
    }

    /// A rule must not be left with nobody to tell.
    private static func keepUsed(_ rows: [AlertRouteRow], _ rules: [UInt8]?, _ findings: inout Findings) throws(Fault) {
        guard let rules else { return }
        var unread = Findings()
        let names = Set(rows.map(\.name))
        for rule in RuleBook.read(try JSON(parsing: rules), routes: nil, isOperator: true, into: &unread).rules {
            for route in rule.routes where !names.contains(route) {
                findings.add("routes", "the rule \(rule.name) tells the route \(route), which would be gone", "Keep it, or change the rule first.")
            }
        }
    }

    /// Plain http, and addresses that are not public, are for the operator's list; whoever delivers judges the resolved address again.
    private static func checkPlace(_ route: AlertRoute, _ position: String, _ desk: Desk, _ findings: inout Findings) {
        let url: String
        switch route.receiver {
        case .webhook(let there): url = there
        case .alertmanager(let there, _): url = there
        case .email, nil: return
        }
        checkOpenly(url, "\(position).\(route.receiver?.kind.rawValue ?? "").url", desk, &findings)
    }

    /// Of an address that we post to.
    static func checkOpenly(_ url: String, _ position: String, _ desk: Desk, _ findings: inout Findings) {
        guard !url.isEmpty, url.lowercased().hasPrefix("http://"), !HostList(desk.configuration.allowedHosts).allowsAlerts(url) else { return }
        findings.add(
            position, "is plain http to a host that is not on the operator's list",
            "Use https, or have the operator add alerts=host:port to COUNTERFOIL_ALLOWED_HOSTS.")
    }

    // MARK: Tests

    /// Written like any other message, and sent within a second or so; its outcome is at the delivery.
    private static func testRoute(_ visit: Visit) async throws -> HTTPResponse {
        let owner = try await owner(visit)
        let name = visit.parameters["route"] ?? ""
        return try await visit.change { tx throws(Fault) in
            guard let row = try await tx.alertRoutes(of: owner).first(where: { $0.name == name }),
                let receiver = AlertRoute(name: row.name, kind: row.kind, settings: try JSON(parsing: row.settings))?.receiver
            else { throw Fault("not_found", stage: .api, disposition: .reject, summary: "there is no route of this name") }
            let receivers: [String] = switch receiver {
            case .email(let to, _, _, _): to
            case .webhook(let url): [url]
            case .alertmanager(let url, _): [url]
            }
            guard try await tx.alertTestsInHour(owner) < ControlPlaneLimits.alertTests else {
                throw Fault("too_many_tests", stage: .api, disposition: .reject, summary: "routes were tested \(ControlPlaneLimits.alertTests) times within the hour",
                    remedy: "Look at the deliveries of the tests; test again later.")
            }
            var ids: [String] = []
            for (n, there) in receivers.enumerated() {
                let delivery = AlertDelivery(
                    id: visit.desk.random.uuid(), owner: owner, route: name, kind: row.kind, purpose: .test, part: n, receiver: there, subject: "", body: [], alerts: [])
                _ = try await tx.query(AlertDeliveryStatements.insert(delivery))
                ids.append(delivery.id.uuidString.lowercased())
            }
            try await tx.audit(owner.id, [visit.entry("alerts.tested", "alert route \(name)")])
            return .init(202, JSON.object([("route", .string(name)), ("deliveries", .array(ids.map { .string($0) }))]).bytes)
        }
    }

    // MARK: Reading

    private static func body(_ visit: Visit, _ what: String) throws -> JSON {
        guard !visit.request.body.isEmpty else { throw Refusal.invalid([.init(field: what, why: "is missing", remedy: "Send it as the body.")]) }
        let json = try JSON(parsing: visit.request.body)
        guard json.object != nil else { throw Refusal.invalid([.init(field: what, why: "must be an object", remedy: "Send { … }.")]) }
        return json
    }

    static func refuse(_ findings: Findings) throws {
        guard !findings.list.isEmpty else { return }
        throw Refusal.invalid(findings.list.map { .init(field: $0.position ?? "", why: $0.why, remedy: $0.remedy) })
    }

    private static func refuse(_ findings: [Refusal.Finding]) throws {
        if !findings.isEmpty { throw Refusal.invalid(findings) }
    }

    /// What seals for whoever delivers.
    static func alertKey(_ desk: Desk) async throws -> BoxPublicKey {
        guard let bytes = try await desk.store.alertKey() else {
            throw Fault("alert_key_pending", stage: .api, disposition: .wait, summary: "nobody has delivered alerts here yet, so a secret can't be sealed",
                remedy: "Start `counterfoil schedule` and send the request again.", retryAfter: .seconds(2))
        }
        return try BoxPublicKey(bytes)
    }
}
