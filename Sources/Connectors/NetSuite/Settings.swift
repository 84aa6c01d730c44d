internal import ConnectorKit
internal import Kernel

/// How the account at the other end is set up, as the connection's settings say.
struct Settings: Sendable, Equatable {
    /// Which of NetSuite's ways of taxing the account uses.
    enum Tax: String, Sendable, CaseIterable {
        /// Tax codes and amounts on lines: all countries but the United States.
        case legacy
        /// The United States without SuiteTax: lines are not taxable, and tax is a line on its account.
        case legacyUS = "legacy_us"
        /// Tax details, overridden.
        case suiteTax = "suitetax"
    }

    var tax: Tax
    /// The id of the subsidiary whose books these are; OneWorld alone has them.
    var subsidiary: String?
    /// Ids for lines that have none of their own.
    var defaults: [String: String]
    /// Classifications stand on the document alone, where lines have none.
    var classifiesHeader: Bool
    /// New items get it, where the account demands one.
    var taxSchedule: String?
    /// The account's time, in minutes east of UTC; `nil` where it is not said.
    var offsetMinutes: Int?

    static let dimensions = ["department", "class", "location"]

    /// Settings that this connector understands.
    static let meanings: [String: String] = [
        "tax": "legacy, legacy_us or suitetax: which way of taxing the account uses; legacy where it is not set",
        "subsidiary": "id of the subsidiary whose books these are (OneWorld)",
        "department": "id of the department of lines that have none", "class": "id of the class of lines that have none",
        "location": "id of the location of lines that have none",
        "classify": "lines or header: where departments, classes and locations stand; lines where it is not set",
        "tax_schedule": "id of the tax schedule for new items",
        "utc_offset": "the account's time zone as +HH:MM or -HH:MM",
    ]

    /// - Throws: `setting_invalid` (hold).
    init(_ connection: ConnectionFacts) throws(Fault) {
        func id(_ name: String) throws(Fault) -> String? {
            guard let text = connection.settings[name], !text.isEmpty else { return nil }
            guard isID(text) else { throw Settings.invalid(name) }
            return text
        }
        guard let tax = Tax(rawValue: connection.settings["tax"] ?? Tax.legacy.rawValue) else { throw Settings.invalid("tax") }
        self.tax = tax
        subsidiary = try id("subsidiary")
        taxSchedule = try id("tax_schedule")
        defaults = [:]
        for name in Settings.dimensions { defaults[name] = try id(name) }
        switch connection.settings["classify"] ?? "lines" {
        case "lines": classifiesHeader = false
        case "header": classifiesHeader = true
        default: throw Settings.invalid("classify")
        }
        guard let offset = connection.settings["utc_offset"], !offset.isEmpty else { return }
        guard let minutes = Settings.minutes(offset) else { throw Settings.invalid("utc_offset") }
        offsetMinutes = minutes
    }

    /// `-08:00` -> -480.
    private static func minutes(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"), bytes[3] == UInt8(ascii: ":"),
            let hours = Int(text.dropFirst().prefix(2)), let rest = Int(text.suffix(2)), (0 ... 14).contains(hours), (0 ..< 60).contains(rest)
        else { return nil }
        return (hours * 60 + rest) * (bytes[0] == UInt8(ascii: "-") ? -1 : 1)
    }

    /// `-08:00`; `Z` where nothing is said.
    var offsetText: String {
        guard let offsetMinutes, offsetMinutes != 0 else { return "Z" }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return (offsetMinutes < 0 ? "-" : "+") + two(abs(offsetMinutes) / 60) + ":" + two(abs(offsetMinutes) % 60)
    }

    private static func invalid(_ name: String) -> Fault {
        Fault(
            "setting_invalid", stage: .post, disposition: .hold, summary: "the connection's setting \(name) says nothing that NetSuite's connector understands",
            remedy: "Set it to \(meanings[name] ?? "something else").", position: name)
    }
}

/// Bounds of these connectors.
enum NetSuiteLimits {
    static let callsPerMinute = 240
    static let requestsInFlight = 2
    /// Documents of one `addList`.
    static let batchDocuments = 20
    static let pageRows = 1_000
    /// Pages of one list before it is given up as endless.
    static let pages = 100
    /// Keys, ids or names in one question.
    static let listed = 100
    static let itemName = 40
    static let itemText = 60
    static let partyName = 83
    static let memo = 999
    static let lineNote = 999
    static let otherRefNum = 45
    static let salesLines = 5_000
    static let journalLines = 1_000
    /// NetSuite cuts what runs longer; a lost request may land until then.
    static let requestLife = Duration.seconds(900)
    static let changesOverlap = Duration.seconds(600)
    /// Where the account's time zone is not known: all there are.
    static let changesOverlapUnzoned = Duration.seconds(26 * 3_600)
    /// Digits after the point of a unit price.
    static let priceScale = 8
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
}

/// Words for what we refuse ourselves.
enum NetSuite {
    static func unreadable(_ why: String) -> Fault { Problem.judging.notRead(why) }
    static func lost(_ why: String) -> Fault { Problem.judging.notTold(why) }

    static func refused(_ code: String, _ summary: String, _ remedy: String, position: String? = nil) -> Fault {
        Fault(code, stage: .post, disposition: .hold, summary: summary, remedy: remedy, position: position)
    }

    static let missing = refused("ledger_document_missing", "NetSuite has no such document", "Look for it in NetSuite; it may have been deleted there.")
}
