internal import Books
internal import Kernel
internal import Store
internal import Wire

/// What a string may be.
struct Words: Sendable {
    enum Form: String, Sendable {
        case any, line, value, slug, login, account, country, currency, zone, day, instant, id, postKey, secret
    }

    var form: Form
    /// In characters (Unicode scalars); of a secret in bytes.
    var least: Int
    var most: Int

    init(_ form: Form, least: Int = 1, most: Int) {
        self.form = form
        self.least = least
        self.most = most
    }

    /// What is wrong with a text, and what to do about it; `nil` when it fits.
    func finding(_ text: String) -> (why: String, remedy: String)? { fits(text) ? nil : (why, remedy) }

    private func fits(_ text: String) -> Bool {
        switch form {
        case .any: isWithin(text.unicodeScalars.count) && !text.utf8.contains(0)
        case .value: isWithin(text.unicodeScalars.count) && !text.utf8.contains(0)
        case .line: isWithin(text.unicodeScalars.count) && Words.isPrintable(text)
        case .secret: isWithin(text.utf8.count)
        case .slug: isWithin(text.utf8.count) && text.utf8.first != 45 && text.utf8.allSatisfy { Words.isLower($0) || Words.isDigit($0) || $0 == 45 }
        case .login: UserName.fits(text)
        case .account: isWithin(text.utf8.count) && Words.isAccount(text)
        case .country: text.utf8.count == 2 && text.utf8.allSatisfy { $0 >= 65 && $0 <= 90 }
        case .currency: Currency(text) != .none
        case .zone: isWithin(text.utf8.count) && Words.isZone(text)
        case .day: LocalDate(text) != .none
        case .instant: Timestamp(rfc3339: text) != .none
        case .id: TenantID(text) != .none
        case .postKey: PostKey(text) != .none
        }
    }

    /// Without control characters.
    static func isPrintable(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } }

    private func isWithin(_ count: Int) -> Bool { count >= least && count <= most }
    private static func isLower(_ byte: UInt8) -> Bool { byte >= 97 && byte <= 122 }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    /// It can become part of a host name, so nothing else may hide in it.
    private static func isAccount(_ text: String) -> Bool {
        !text.hasPrefix(".") && !text.hasPrefix("-") && text.utf8.allSatisfy { isLower($0 | 32) && $0 >= 65 || isDigit($0) || [45, 46, 95].contains($0) }
    }

    private static func isZone(_ text: String) -> Bool {
        do throws(Fault) {
            _ = try Zone.named(text)
            return true
        } catch { return false }
    }

    private var why: String {
        switch form {
        case .any: most == .max ? "must be text" : "must be text of at most \(most) characters"
        case .line: "must be text of \(least) to \(most) characters"
        case .value: "must be a string of at most \(most) characters"
        case .slug: "must be 1 to 63 lower-case letters, digits and hyphens"
        case .login: "must be 1 to \(most) letters, digits and ._%+@-, beginning with a letter or digit"
        case .account: "must be 1 to \(most) letters, digits, hyphens, dots and underscores"
        case .country: "is not a country"
        case .currency: "is not a currency"
        case .zone: "is not a time zone that this machine knows"
        case .day: "is not a day"
        case .instant: "is not a time"
        case .id: "is not an id"
        case .postKey: "is not a posting key"
        case .secret: "must be text of \(least) to \(most) bytes"
        }
    }

    private var remedy: String {
        switch form {
        case .any: "Send it as a string."
        case .line: "Send a string without line breaks."
        case .value: "Write the value in quotes."
        case .slug: "Write it such as prairie-goods."
        case .login: "Write it such as ann or ann@northadvisers.example."
        case .account: "Write it as the platform shows it."
        case .country: "Write two capital letters, such as GB."
        case .currency: "Write three capital letters, such as GBP."
        case .zone: "Use an IANA name such as Europe/London."
        case .day: "Write it as YYYY-MM-DD."
        case .instant: "Write it as 2026-11-14T09:30:00Z."
        case .id: "Send the 36 characters of the id."
        case .postKey: "Send the 16 characters of the posting's key."
        case .secret: "Send it as a string."
        }
    }

    /// For the description.
    var example: String {
        switch form {
        case .any, .line, .value: "text"
        case .slug: "prairie-goods"
        case .login: "ann"
        case .account: "prairie-goods"
        case .country: "US"
        case .currency: "USD"
        case .zone: "America/Chicago"
        case .day: "2026-11-14"
        case .instant: "2026-11-14T09:30:00.000000Z"
        case .id: "0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60"
        case .postKey: "4h7rq0c2v9kz1xej"
        case .secret: "…"
        }
    }
}
