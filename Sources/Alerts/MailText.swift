internal import Crypto
internal import FoundationEssentials
internal import Kernel

/// One message of plain text as it goes over the wire: RFC 5322 and MIME, seven bits, lines of at most 78 characters, each ending in CR LF. Whatever is in
/// subject or body comes out of it as text: nothing there makes a header, a line of the protocol or the message's end.
struct MailText: Sendable {
    /// Message-ID; the same message sent again is known by it.
    var id: UUID
    var from: String
    var to: String
    var subject: String
    var at: Timestamp
    /// Messages of one alert belong together.
    var thread: UUID?
    var body: String

    var bytes: [UInt8] {
        let domain = from.split(separator: "@").last.map(String.init) ?? "localhost"
        var lines = [
            "Date: \(MailText.date(at))", "From: Counterfoil <\(MailText.plain(from))>", "To: <\(MailText.plain(to))>",
            "Message-ID: <\(id.uuidString.lowercased())@\(MailText.plain(domain))>",
        ]
        if let thread { lines.append("References: <\(thread.uuidString.lowercased()).alert@\(MailText.plain(domain))>") }
        lines += MailText.header("Subject", subject)
        lines += [
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable",
            // RFC 3834: nobody's holiday notice answers it.
            "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All", "",
        ]
        return Array((lines + MailText.quotedPrintable(body)).joined(separator: "\r\n").utf8) + [13, 10]
    }

    /// An address without anything that ends it: what is not printable, and what has a meaning between brackets, is left out.
    private static func plain(_ address: String) -> String {
        String(decoding: address.utf8.filter { $0 > 32 && $0 < 127 && $0 != 60 && $0 != 62 }, as: UTF8.self)
    }

    // MARK: Header

    /// A header of free text in folded lines: as it is where it is short printable ASCII, else in encoded words (RFC 2047, `B`) that do not cut a character.
    static func header(_ name: String, _ text: String) -> [String] {
        let clean = String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
        if clean.utf8.allSatisfy({ $0 < 127 }), clean.utf8.count + name.utf8.count + 2 <= 78, !clean.contains("=?") { return ["\(name): \(clean)"] }
        var words: [String] = []
        var chunk: [UInt8] = []
        // 75 characters a word, of which 12 are not text: 63 of base64, 45 bytes with room to spare.
        for scalar in clean.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if chunk.count + bytes.count > 42 {
                words.append("=?utf-8?B?\(Base64.encode(chunk))?=")
                chunk = []
            }
            chunk += bytes
        }
        words.append("=?utf-8?B?\(Base64.encode(chunk))?=")
        return ["\(name): \(words[0])"] + words.dropFirst().map { " \($0)" }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 32 || (127 ... 159).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    // MARK: Body

    /// Lines of quoted-printable (RFC 2045, 6.7), at most 76 characters each. A dot at a line's beginning is written as what it is in hexadecimal, so that it
    /// stays a dot whoever passes it on.
    static func quotedPrintable(_ text: String) -> [String] {
        var out: [String] = []
        for line in text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").split(separator: "\n", omittingEmptySubsequences: false) {
            out += quotedLine(Array(line.utf8))
        }
        return out
    }

    private static func quotedLine(_ bytes: [UInt8]) -> [String] {
        var out: [String] = []
        var current = ""
        for (n, byte) in bytes.enumerated() {
            let isLast = n == bytes.count - 1
            let asIs = (byte > 32 && byte < 127 && byte != 61 && !(byte == 46 && current.isEmpty)) || (byte == 32 && !isLast)
            let piece = asIs ? String(Unicode.Scalar(byte)) : "=" + hex(byte)
            // A soft line break is one character more.
            if current.utf8.count + piece.utf8.count > 75 {
                out.append(current + "=")
                // What begins the next line is judged anew: it may be a dot.
                current = byte == 46 ? "=2E" : piece
            } else {
                current += piece
            }
        }
        out.append(current)
        return out
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = Array("0123456789ABCDEF")
        return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
    }

    // MARK: Date

    /// `Sun, 22 Nov 2026 14:34:33 +0000`.
    static func date(_ at: Timestamp) -> String {
        let day = Zone.utc.date(of: at), second = Zone.utc.secondOfDay(at: at)
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let civil = day.civil
        let time = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        return "\(days[((day.daysSince1970 % 7) + 7) % 7]), \(two(civil.day)) \(months[civil.month - 1]) \(civil.year) \(time) +0000"
    }
}
