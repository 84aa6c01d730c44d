public import Kernel

/// Times as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`, in whole seconds.
/// - Source: RFC 9110, section 5.6.7; the two obsolete forms are neither read nor written.
public enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    public static func text(_ time: Timestamp) -> String {
        let seconds = Int(time.seconds)
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        let second = seconds - days * 86_400
        let (year, month, day) = LocalDate(daysSince1970: days).civil
        let weekday = weekdays[(days % 7 + 7) % 7]
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(weekday), \(padded(day, 2)) \(months[month - 1]) \(padded(year, 4)) \(clock) GMT"
    }

    /// `nil` for anything else. The day of the week is not compared with the date.
    public static func timestamp(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT", words[1].utf8.count == 2, words[3].utf8.count == 4,
            let month = months.firstIndex(of: words[2])
        else { return nil }
        return Timestamp(rfc3339: "\(words[3])-\(padded(month + 1, 2))-\(words[1])T\(words[4])Z")
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
