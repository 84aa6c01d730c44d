public import Kernel
public import Mapping
public import Wire

/// Where messages go: a receiver with a name.
public struct AlertRoute: Sendable {
    public enum Kind: String, Sendable, CaseIterable { case email, webhook, alertmanager }

    public enum Receiver: Sendable, Equatable {
        /// `server` is `smtp://host:587` (STARTTLS, always) or `smtps://host:465`; `nil`: the operator's own.
        case email(to: [String], server: String?, from: String?, user: String?)
        case webhook(url: String)
        /// The address before `/api/v2/alerts`.
        case alertmanager(url: String, user: String?)
    }

    public static let routesMost = 20
    public static let receiversMost = 10
    /// A webhook's secret has at least so many characters.
    public static let secretLeast = 16
    public static let urlMost = 500

    public var name: String
    /// `nil`: the route stays as it is.
    public var receiver: Receiver?
    /// Password or signing secret; `nil`: none was given.
    public var secret: Secret?
    /// Messages in an hour; what is beyond them goes into one.
    public var perHour: Int

    public init(name: String, receiver: Receiver?, secret: Secret? = nil, perHour: Int = 20) {
        self.name = name
        self.receiver = receiver
        self.secret = secret
        self.perHour = perHour
    }
}

extension AlertRoute.Receiver {
    public var kind: AlertRoute.Kind {
        switch self {
        case .email: .email
        case .webhook: .webhook
        case .alertmanager: .alertmanager
        }
    }

    /// Whoever is at this place gets the secret: elsewhere it has to be given anew.
    public var place: String {
        switch self {
        case .email(_, let server, _, let user): "\(server ?? "") \(user ?? "")"
        case .webhook(let url): url
        case .alertmanager(let url, let user): "\(url) \(user ?? "")"
        }
    }
}

extension AlertRoute {
    /// What binds a sealed secret to its route. `owner`: the tenant, all zero for the operator.
    public static func context(_ owner: TenantID, _ name: String) -> [UInt8] { Array("alert route \(owner) \(name)".utf8) }
}

// MARK: - As kept

extension AlertRoute {
    /// All but the secret, as the database and the API have it.
    public func settings(_ receiver: Receiver) -> JSON {
        var members: [(key: String, value: JSON)] = []
        switch receiver {
        case .email(let to, let server, let from, let user):
            members = [("to", .array(to.map { .string($0) }))]
            if let server { members.append(("server", .string(server))) }
            if let from { members.append(("from", .string(from))) }
            if let user { members.append(("user", .string(user))) }
        case .webhook(let url): members = [("url", .string(url))]
        case .alertmanager(let url, let user):
            members = [("url", .string(url))]
            if let user { members.append(("user", .string(user))) }
        }
        return .object(members + [("per_hour", .number("\(perHour)"))])
    }

    /// What `settings` wrote; `nil` for anything else.
    public init?(name: String, kind: String, settings: JSON) {
        let receiver: Receiver
        switch Kind(rawValue: kind) {
        case .email:
            guard let to = settings["to"]?.array?.compactMap(\.string), !to.isEmpty else { return nil }
            receiver = .email(to: to, server: settings["server"]?.string, from: settings["from"]?.string, user: settings["user"]?.string)
        case .webhook:
            guard let url = settings["url"]?.string else { return nil }
            receiver = .webhook(url: url)
        case .alertmanager:
            guard let url = settings["url"]?.string else { return nil }
            receiver = .alertmanager(url: url, user: settings["user"]?.string)
        case nil: return nil
        }
        self.init(name: name, receiver: receiver, perHour: settings["per_hour"]?.int ?? 20)
    }
}

// MARK: - As written

extension AlertRoute {
    /// Reads a list of routes, collecting everything that is wrong with it.
    public static func read(_ json: JSON, into findings: inout Findings, at position: String = "routes") -> [AlertRoute] {
        guard let list = json.array, list.count <= routesMost else {
            findings.add(position, "must be a list of at most \(routesMost) routes", "Write [{ \"name\": …, \"email\": { … } }].")
            return []
        }
        var out: [AlertRoute] = []
        for (n, route) in list.enumerated() {
            let read = one(route, &findings, "\(position)[\(n)]")
            if !read.name.isEmpty, out.contains(where: { $0.name == read.name }) {
                findings.add("\(position)[\(n)].name", "is the name of an earlier route", "Give each route a name of its own.")
            }
            out.append(read)
        }
        return out
    }

    private static func one(_ json: JSON, _ findings: inout Findings, _ position: String) -> AlertRoute {
        let kinds = Kind.allCases.map(\.rawValue)
        let reader = RuleReader(json, at: position, known: ["name", "per_hour"] + kinds, &findings)
        let given = kinds.filter { json.member($0) != nil }
        var out = AlertRoute(name: reader.slug("name", &findings), receiver: nil)
        let perHour = reader.integer("per_hour", 1 ... 1000, &findings)
        if given.count > 1 { findings.add(position, "has more than one receiver", "Make a route of each: \(given.joined(separator: ", ")).") }
        guard let kind = given.first.flatMap({ Kind(rawValue: $0) }), let settings = json.member(kind.rawValue) else {
            if perHour != nil {
                findings.add("\(position).per_hour", "stands without a receiver", "Write the receiver too; with its name alone a route stays as it is.")
            }
            return out
        }
        let place = "\(position).\(kind.rawValue)"
        out.perHour = perHour ?? (kind == .alertmanager ? 600 : 20)
        switch kind {
        case .email: out.readEmail(settings, place, &findings)
        case .webhook: out.readWebhook(settings, place, &findings)
        case .alertmanager: out.readAlertmanager(settings, place, &findings)
        }
        return out
    }

    private mutating func readEmail(_ json: JSON, _ position: String, _ findings: inout Findings) {
        let reader = RuleReader(json, at: position, known: ["to", "server", "from", "user", "password"], &findings)
        let to = reader.words("to", &findings) ?? []
        if to.isEmpty || to.count > AlertRoute.receiversMost {
            findings.add("\(position).to", "must name 1 to \(AlertRoute.receiversMost) addresses", "Write [\"books@example.com\"].")
        }
        for address in to where !AlertRoute.isAddress(address) {
            findings.add("\(position).to", "'\(address.prefix(80))' is not an address", "Write it such as books@example.com.")
        }
        let server = reader.text("server", most: AlertRoute.urlMost, &findings)
        if let server, !AlertRoute.isMailServer(server) {
            findings.add(
                "\(position).server", "is not smtp://HOST:PORT or smtps://HOST:PORT",
                "Write smtps://mail.example.com:465, or smtp://mail.example.com:587, where TLS is begun by STARTTLS.")
        }
        let from = reader.text("from", most: 254, &findings), user = reader.text("user", most: 254, &findings)
        if let from, !AlertRoute.isAddress(from) { findings.add("\(position).from", "is not an address", "Write it such as counterfoil@example.com.") }
        if server != nil, from == nil { findings.add("\(position).from", "is missing", "Say whom the mail comes from.") }
        if server == nil, from != nil || user != nil || json.member("password") != nil {
            findings.add(position, "has a sender or login but no server", "Name the server, or leave all of it to the operator's.")
        }
        secret = reader.text("password", most: 1000, &findings).map { Secret($0) }
        if user == nil, secret != nil { findings.add("\(position).user", "is missing", "Say whose password it is.") }
        receiver = .email(to: to, server: server, from: from, user: user)
    }

    private mutating func readWebhook(_ json: JSON, _ position: String, _ findings: inout Findings) {
        let reader = RuleReader(json, at: position, known: ["url", "secret"], &findings)
        let url = AlertRoute.url(reader, &findings)
        secret = reader.text("secret", most: 1000, &findings).map { Secret($0) }
        if let secret, secret.count < AlertRoute.secretLeast {
            findings.add("\(position).secret", "is shorter than \(AlertRoute.secretLeast) characters", "Draw it at random: `openssl rand -hex 32`.")
        }
        receiver = .webhook(url: url)
    }

    /// An address to post signed JSON to, and the secret that it is signed with: the rules of a route's webhook, for whatever else is sent so.
    /// - Parameter position: before `.url` and `.secret` in findings.
    public static func webhook(_ json: JSON, into findings: inout Findings, at position: String) -> (url: String, secret: Secret?) {
        var route = AlertRoute(name: "", receiver: nil)
        route.readWebhook(json, position, &findings)
        guard case .webhook(let url)? = route.receiver else { return ("", nil) }
        if route.secret == nil { findings.add("\(position).secret", "is missing", "Give the secret that messages are signed with.") }
        return (url, route.secret)
    }

    private mutating func readAlertmanager(_ json: JSON, _ position: String, _ findings: inout Findings) {
        let reader = RuleReader(json, at: position, known: ["url", "user", "password"], &findings)
        let url = AlertRoute.url(reader, &findings), user = reader.text("user", most: 254, &findings)
        secret = reader.text("password", most: 1000, &findings).map { Secret($0) }
        if user == nil, secret != nil { findings.add("\(position).user", "is missing", "Say whose password it is.") }
        if let user, user.contains(":") { findings.add("\(position).user", "has a colon in it", "A user of HTTP Basic has none.") }
        receiver = .alertmanager(url: url.hasSuffix("/") ? String(url.dropLast()) : url, user: user)
    }

    private static func url(_ reader: RuleReader, _ findings: inout Findings) -> String {
        guard let url = reader.text("url", most: urlMost, &findings) else {
            if reader.json.member("url") == nil { findings.add("\(reader.position).url", "is missing", "Write https://….") }
            return ""
        }
        let lower = url.lowercased()
        let isPlain = url.utf8.allSatisfy { $0 > 32 && $0 < 127 && ![34, 35, 60, 62, 92, 94, 96, 123, 124, 125].contains($0) }
        let rest = ["https://", "http://"].first { lower.hasPrefix($0) }.map { url.dropFirst($0.count) }
        if !isPlain || rest.map({ $0.isEmpty || $0.hasPrefix("/") || $0.prefix { $0 != "/" }.contains("@") }) ?? true {
            findings.add("\(reader.position).url", "is not an http or https address", "Write https://HOST/PATH, without a user in it.")
        }
        return url
    }

    /// `local@domain`, without quotes, comments and anything that a header or a command could be made of.
    public static func isAddress(_ text: String) -> Bool {
        let halves = text.utf8.split(separator: 64, omittingEmptySubsequences: false)
        guard halves.count == 2, (1 ... 64).contains(halves[0].count), (3 ... 189).contains(halves[1].count) else { return false }
        let atom = Array("!#$%&'*+-/=?^_`{|}~.".utf8)
        func isWord(_ byte: UInt8) -> Bool { (48 ... 57).contains(byte) || (97 ... 122).contains(byte | 32) }
        func dotted(_ part: Substring.UTF8View) -> Bool { part.first != 46 && part.last != 46 && !String(Substring(part)).contains("..") }
        return dotted(halves[0]) && dotted(halves[1]) && halves[0].allSatisfy { isWord($0) || atom.contains($0) }
            && halves[1].allSatisfy { isWord($0) || $0 == 45 || $0 == 46 } && halves[1].contains(46)
    }

    /// `smtp://host[:port]` or `smtps://host[:port]`, nothing after it.
    public static func isMailServer(_ text: String) -> Bool {
        guard let rest = ["smtp://", "smtps://"].first(where: { text.hasPrefix($0) }).map({ text.dropFirst($0.count) }) else { return false }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard (1 ... 2).contains(parts.count), !parts[0].isEmpty,
            parts[0].utf8.allSatisfy({ (48 ... 57).contains($0) || (97 ... 122).contains($0 | 32) || $0 == 45 || $0 == 46 })
        else { return false }
        return parts.count == 1 || Int(parts[1]).map { (1 ... 65_535).contains($0) } ?? false
    }
}
