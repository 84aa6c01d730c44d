internal import Books
internal import Kernel
internal import Wire

extension JSON {
    func text(_ member: String) -> String { self[member]?.string ?? "" }
    func count(_ member: String) -> Int { self[member]?.int ?? 0 }
    func list(_ member: String) -> [JSON] { self[member]?.array ?? [] }
    func has(_ member: String) -> Bool { self[member].map { !$0.isNull } ?? false }
}

/// How figures, times and states are written on the pages.
enum Prose {
    /// `12,345`.
    static func count(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var out = number < 0 ? "−" : ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { out += "," }
            out.append(digit)
        }
        return out
    }

    /// `12 postings`, `1 posting`.
    static func some(_ number: Int, _ one: String, _ many: String? = nil) -> String { "\(count(number)) \(number == 1 ? one : many ?? one + "s")" }

    /// `1,234.50 EUR`, from the minor units of a currency.
    static func amount(_ minor: Int, _ currency: String) -> String {
        guard let known = Currency(currency) else { return "\(count(minor)) \(currency) minor units" }
        return amount(Money(minor: Int64(minor), known).description)
    }

    /// `1234.50 EUR` with its thousands apart.
    static func amount(_ text: String) -> String {
        let parts = text.split(separator: " ", maxSplits: 1)
        guard let figure = parts.first else { return text }
        let isNegative = figure.hasPrefix("-")
        let halves = figure.drop { $0 == "-" }.split(separator: ".", maxSplits: 1)
        guard let whole = halves.first.flatMap({ Int($0) }) else { return text }
        let cents = halves.count > 1 ? "." + halves[1] : ""
        return (isNegative ? "−" : "") + count(whole) + cents + (parts.count > 1 ? "\u{A0}" + parts[1] : "")
    }

    static func amount(_ row: JSON, _ member: String) -> String { row[member]?.int.map { amount($0, row.text("currency")) } ?? "" }

    /// `credit_note` as `credit note`.
    static func plain(_ word: String) -> String { word.replacing("_", with: " ") }

    /// A name that may go on in the next line after `_`, `:` or `/`.
    static func breakable(_ text: String) -> HTML {
        var out: HTML = "", part = ""
        for letter in text {
            part.append(letter)
            guard "_:/".contains(letter) else { continue }
            out += "\(part)<wbr>"
            part = ""
        }
        return out + "\(part)"
    }

    /// With its first letter large.
    static func title(_ word: String) -> String {
        let text = plain(word)
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `22 Nov`.
    static func day(_ text: String) -> String {
        guard let day = LocalDate(text)?.civil else { return text }
        return "\(day.day) \(months[day.month - 1])"
    }

    /// `22 Nov 2026, 14:05:07` in UTC, as an element that programs can read.
    static func time(_ text: String, seconds: Bool = false) -> HTML {
        guard let at = Timestamp(rfc3339: text), text.utf8.count >= 19, let day = LocalDate(text.prefix(10))?.civil else { return "<span class=\"soft\">never</span>" }
        let clock = String(text.dropFirst(11).prefix(seconds ? 8 : 5))
        return "<time datetime=\"\(at.description)\">\(day.day) \(months[day.month - 1]) \(clock)</time>"
    }

    /// `3 min ago`, with the time itself beside it for whoever asks.
    static func ago(_ text: String, now: Timestamp) -> HTML {
        guard let at = Timestamp(rfc3339: text) else { return "<span class=\"soft\">never</span>" }
        return "<time datetime=\"\(at.description)\" title=\"\(at.description)\">\(span(Int(max(0, now.seconds - at.seconds)))) ago</time>"
    }

    /// `45 s`, `3 min`, `5 h`, `12 d`.
    static func span(_ seconds: Int) -> String {
        switch seconds {
        case ..<90: "\(seconds) s"
        case ..<5400: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }

    /// How a state looks: never by colour alone, its word is always there.
    enum Tone: String, Sendable { case good, going, warn, bad, quiet }

    static func chip(_ word: String, _ tone: Tone) -> HTML { "<span class=\"chip \(tone.rawValue)\">\(title(word))</span>" }

    static func tone(_ state: String) -> Tone {
        switch state {
        case "confirmed", "reconciled", "live", "active", "resolved", "ok", "told", "kept": .good
        case "mapped", "cleared", "posting", "posted", "gathered", "in_progress", "planned_anew", "new", "normalized", "ingested", "due", "sent": .going
        case "held", "manual", "paused", "warning", "acknowledged", "attention": .warn
        case "rejected", "unknown", "dead", "critical", "open", "removed", "trouble", "refused": .bad
        default: .quiet
        }
    }

    static func state(_ word: String) -> HTML { chip(word, tone(word)) }
}
