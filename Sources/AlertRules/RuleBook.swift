public import Mapping
public import Wire

/// From where on something is an alert at all. A tenant's own stand before the operator's, and those before what is usual.
public struct AlertBounds: Sendable, Equatable {
    /// A source says nothing for at least so long, whatever its rhythm.
    public var silence: Duration
    /// Work waits for so long.
    public var lag: Duration
    /// A platform has not answered for so long.
    public var down: Duration
    /// So much of a budget is used up, in per cent.
    public var quotaPercent: Int

    public init(silence: Duration = .seconds(6 * 3600), lag: Duration = .seconds(1800), down: Duration = .seconds(900), quotaPercent: Int = 90) {
        self.silence = silence
        self.lag = lag
        self.down = down
        self.quotaPercent = quotaPercent
    }
}

/// Who is told of which alerts, and how insistently.
public struct AlertRule: Sendable, Equatable {
    public var name: String
    /// `nil`: all.
    public var causes: Set<AlertCause>?
    /// The least that is told.
    public var severity: AlertSeverity
    /// So many documents (days, calls) at least.
    public var threshold: Int
    /// Open for at least so long.
    public var after: Duration
    /// Told again while it stays open and nobody acknowledges it; `nil`: once.
    public var again: Duration?
    /// Names of routes of the same owner.
    public var routes: [String]
    /// Slugs of tenants, in the operator's rules; `nil`: all.
    public var tenants: Set<String>?

    public init(
        name: String, causes: Set<AlertCause>? = nil, severity: AlertSeverity = .warning, threshold: Int = 1, after: Duration = .zero,
        again: Duration? = .seconds(86_400), routes: [String], tenants: Set<String>? = nil
    ) {
        self.name = name
        self.causes = causes
        self.severity = severity
        self.threshold = threshold
        self.after = after
        self.again = again
        self.routes = routes
        self.tenants = tenants
    }
}

/// The rules of one owner, a tenant or the operator, as written in files and sent to the API:
/// `{"bounds": {"silent_hours": 6}, "rules": [{"name": "books", "causes": ["held"], "routes": ["bookkeeper"]}]}`.
public struct RuleBook: Sendable, Equatable {
    public static let rulesMost = 50

    /// What the owner says itself; `nil` members leave it to whoever stands behind.
    public struct Bounds: Sendable, Equatable {
        public var silentHours: Int?
        public var lagMinutes: Int?
        public var downMinutes: Int?
        public var quotaPercent: Int?

        public init(silentHours: Int? = nil, lagMinutes: Int? = nil, downMinutes: Int? = nil, quotaPercent: Int? = nil) {
            self.silentHours = silentHours
            self.lagMinutes = lagMinutes
            self.downMinutes = downMinutes
            self.quotaPercent = quotaPercent
        }
    }

    public var bounds: Bounds
    public var rules: [AlertRule]

    public init(bounds: Bounds = Bounds(), rules: [AlertRule] = []) {
        self.bounds = bounds
        self.rules = rules
    }

    /// What holds for a tenant: its own word, else the operator's, else what is usual.
    public static func bounds(own: RuleBook?, operators: RuleBook?) -> AlertBounds {
        var out = AlertBounds()
        for said in [operators?.bounds, own?.bounds] {
            if let hours = said?.silentHours { out.silence = .seconds(hours * 3600) }
            if let minutes = said?.lagMinutes { out.lag = .seconds(minutes * 60) }
            if let minutes = said?.downMinutes { out.down = .seconds(minutes * 60) }
            if let percent = said?.quotaPercent { out.quotaPercent = percent }
        }
        return out
    }

    /// Reads a book, collecting everything that is wrong with it.
    /// - Parameters:
    ///   - routes: names of the owner's routes; `nil`: not known here, so not looked at.
    ///   - isOperator: whose rules may name tenants.
    public static func read(
        _ json: JSON, routes: Set<String>?, isOperator: Bool, into findings: inout Findings, at position: String = "rules"
    ) -> RuleBook {
        var reader = RuleReader(json, at: position, known: ["bounds", "rules"], &findings)
        var out = RuleBook()
        if let bounds = json.member("bounds") {
            reader = RuleReader(bounds, at: "\(position).bounds", known: ["silent_hours", "lag_minutes", "down_minutes", "quota_percent"], &findings)
            out.bounds = Bounds(
                silentHours: reader.integer("silent_hours", 1 ... 24 * 14, &findings), lagMinutes: reader.integer("lag_minutes", 1 ... 1440, &findings),
                downMinutes: reader.integer("down_minutes", 1 ... 1440, &findings), quotaPercent: reader.integer("quota_percent", 50 ... 100, &findings))
        }
        guard let list = json.member("rules") else { return out }
        guard let rules = list.array, rules.count <= rulesMost else {
            findings.add("\(position).rules", "must be a list of at most \(rulesMost) rules", "Write [{ \"name\": …, \"routes\": […] }].")
            return out
        }
        for (n, rule) in rules.enumerated() { out.rules.append(AlertRule.read(rule, routes, isOperator, &findings, "\(position).rules[\(n)]")) }
        for (n, rule) in out.rules.enumerated() where !rule.name.isEmpty && out.rules[..<n].contains(where: { $0.name == rule.name }) {
            findings.add("\(position).rules[\(n)].name", "is the name of an earlier rule", "Give each rule a name of its own.")
        }
        return out
    }
}

extension AlertRule {
    private static let members = ["name", "causes", "severity", "threshold", "after_minutes", "repeat_hours", "routes", "tenants"]

    fileprivate static func read(_ json: JSON, _ known: Set<String>?, _ isOperator: Bool, _ findings: inout Findings, _ position: String) -> AlertRule {
        let reader = RuleReader(json, at: position, known: members, &findings)
        let routes = reader.words("routes", &findings) ?? []
        if routes.isEmpty { findings.add("\(position).routes", "names no route", "Name at least one of the owner's routes.") }
        if let known {
            for route in routes where !known.contains(route) {
                let there = known.isEmpty ? "There is none yet: PUT the routes first." : "There are \(known.sorted().joined(separator: ", "))."
                findings.add("\(position).routes", "names the route \(route.prefix(64)), which does not exist", there)
            }
        }
        var tenants: Set<String>?
        if let slugs = reader.words("tenants", &findings) {
            if isOperator { tenants = Set(slugs) } else {
                findings.add("\(position).tenants", "is for the operator's rules only", "Leave it out: a tenant's rules are about that tenant.")
            }
        }
        let hours = reader.integer("repeat_hours", 0 ... 720, &findings) ?? 24
        return AlertRule(
            name: reader.slug("name", &findings), causes: causes(reader, &findings),
            severity: reader.choice("severity", AlertSeverity.self, &findings) ?? .warning, threshold: reader.integer("threshold", 1 ... 100_000, &findings) ?? 1,
            after: .seconds((reader.integer("after_minutes", 0 ... 10_080, &findings) ?? 0) * 60), again: hours == 0 ? nil : .seconds(hours * 3600),
            routes: routes, tenants: tenants)
    }

    private static func causes(_ reader: RuleReader, _ findings: inout Findings) -> Set<AlertCause>? {
        guard let words = reader.words("causes", &findings), words != ["*"] else { return nil }
        var out: Set<AlertCause> = []
        for word in words {
            if let cause = AlertCause(rawValue: word) { out.insert(cause) } else {
                let known = AlertCause.allCases.map(\.rawValue).joined(separator: ", ")
                findings.add("\(reader.position).causes", "\(word.prefix(64)) is not a cause", "Known are * and \(known).")
            }
        }
        if words.isEmpty { findings.add("\(reader.position).causes", "names no cause", "Leave it out for all of them.") }
        return out
    }
}
