public import Kernel

/// When something is done: as it comes, or by the clock. Written `realtime`, `every 15 minutes`, `hourly`, `daily at 06:00`, or five cron fields;
/// the last two by the local clock of a zone, which may be named after them.
public struct Schedule: Sendable, Hashable {
    public enum Rule: Sendable, Hashable {
        case realtime
        /// Whenever the minutes since 1970 in UTC are a multiple of it, 1 ... 1440; changes of the local clock don't count.
        case every(minutes: Int)
        case local(CronFields)
    }

    /// What a schedule can be about: asking the flow's source for what no webhook told …
    public static let pull = "pull"
    /// … sending what is cleared, of every form that has no schedule of its own …
    public static let post = "post"
    /// … or sending the postings of one form.
    public static let subjects: [String] = [pull, post] + PostingForm.allCases.map(\.rawValue)

    public let rule: Rule
    public let zone: Zone

    /// How far ahead a next run is looked for. 29 February comes on a given weekday every 40 years at the latest.
    static let yearsMost = 50
    private static let textBytesMost = 200

    /// - Parameter zone: whose clock counts where the text names none.
    /// - Throws: `invalid_schedule`, with the first of what is wrong.
    public init(_ text: String, zone: Zone) throws(Fault) {
        var findings: [Finding] = []
        guard let read = Schedule.read(text, zone: zone, into: &findings) else {
            let first = findings.first
            throw Fault(
                "invalid_schedule", stage: .configuration, disposition: .hold, summary: first?.why ?? "the schedule can't be read",
                remedy: first?.remedy ?? "Write it as docs/schedules.md shows.", position: first?.position)
        }
        self = read
    }

    private init(_ rule: Rule, _ zone: Zone) {
        self.rule = rule
        self.zone = zone
    }

    /// The same, with everything that is wrong in `findings`, and `nil` then.
    /// - Parameter position: where the text stands: `schedules.post`.
    public static func read(_ text: String, zone: Zone, at position: String? = nil, into findings: inout [Finding]) -> Schedule? {
        func add(_ why: String, _ remedy: String) {
            findings.append(Finding(check: "invalid_schedule", why: why, remedy: remedy, position: position))
        }
        guard text.utf8.count <= textBytesMost, text.utf8.allSatisfy({ (32 ... 126).contains($0) }) else {
            add("a schedule has at most \(textBytesMost) characters, without line breaks", forms)
            return nil
        }
        let words = text.split(separator: " ").map(String.init)
        switch words.first {
        case "realtime" where words.count == 1: return Schedule(.realtime, zone)
        case "hourly" where words.count == 1: return Schedule(.every(minutes: 60), zone)
        case "every":
            guard words.count == 3, words[2] == "minutes", let n = whole(words[1]), (1 ... 1440).contains(n) else {
                add("'\(text.prefix(64))' is no interval", "Write it such as every 15 minutes, with a number from 1 to 1440.")
                return nil
            }
            return Schedule(.every(minutes: n), zone)
        case "daily":
            guard (3 ... 4).contains(words.count), words[1] == "at", let time = timeOfDay(words[2]) else {
                add("'\(text.prefix(64))' is no time of day", "Write it such as daily at 06:00, with two digits each.")
                return nil
            }
            guard let zone = named(words.dropFirst(3), zone, add) else { return nil }
            return Schedule(.local(CronFields(dailyAt: time.hour, time.minute)), zone)
        default: return cron(words, text, zone, add)
        }
    }

    private static let forms = "Write realtime, every N minutes, hourly, daily at HH:MM, or five cron fields such as 0 6 * * 1-5."

    private static func cron(_ words: [String], _ text: String, _ zone: Zone, _ add: (String, String) -> Void) -> Schedule? {
        guard (5 ... 6).contains(words.count), words.contains(where: { $0.utf8.contains { (48 ... 57).contains($0) || $0 == 42 } }) else {
            add("'\(text.prefix(64))' is no schedule", forms)
            return nil
        }
        if words.count == 6, let first = words[5].utf8.first, (48 ... 57).contains(first) || first == 42 {
            add("'\(text.prefix(64))' has six fields", "There are five, minutes first, and at most a time zone after them.")
            return nil
        }
        var problems: [(field: String, why: String, remedy: String)] = []
        let fields = CronFields(Array(words.prefix(5)), problems: &problems)
        for problem in problems { add("the \(problem.field) \(problem.why)", problem.remedy) }
        guard let zone = named(words.dropFirst(5), zone, add), let fields else { return nil }
        return Schedule(.local(fields), zone)
    }

    /// The zone that the last word names, if there is one.
    private static func named(_ words: ArraySlice<String>, _ zone: Zone, _ add: (String, String) -> Void) -> Zone? {
        guard let name = words.first else { return zone }
        do throws(Fault) { return try Zone.named(name) } catch {
            add(error.summary, error.remedy)
            return nil
        }
    }

    private static func whole(_ text: String) -> Int? {
        guard (1 ... 4).contains(text.utf8.count), text.utf8.allSatisfy({ (48 ... 57).contains($0) }) else { return nil }
        return Int(text)
    }

    private static func timeOfDay(_ text: String) -> (hour: Int, minute: Int)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = whole(parts[0]), let minute = whole(parts[1]), hour < 24, minute < 60
        else { return nil }
        return (hour, minute)
    }

    /// The first run after this instant; `nil` for `realtime`, which has none.
    public func next(after instant: Timestamp) -> Timestamp? {
        switch rule {
        case .realtime: return nil
        case .every(let minutes):
            let step = Int64(minutes) * 60
            let (quotient, rest) = instant.seconds.quotientAndRemainder(dividingBy: step)
            return Timestamp(seconds: (rest < 0 ? quotient : quotient + 1) * step)
        case .local(let fields): return fields.next(after: instant, in: zone)
        }
    }

    /// The next runs after this instant, at most `count`.
    public func next(_ count: Int, after instant: Timestamp) -> [Timestamp] {
        var out: [Timestamp] = []
        while out.count < count, let at = next(after: out.last ?? instant) { out.append(at) }
        return out
    }
}
