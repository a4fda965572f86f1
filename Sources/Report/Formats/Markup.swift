import Bytes

extension String {
  /// For XML and HTML, in text and in attributes. Control characters are written `\xNN`, because XML has none.
  var asMarkup: String {
    var result = ""
    for scalar in printable(self).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// For Markdown: whatever has a meaning there is a character reference.
  var asMarkdown: String {
    var result = ""
    for scalar in printable(self).unicodeScalars {
      switch scalar {
      case "&", "<", ">", "|", "*", "_", "`", "[", "]", "\\", "~", "#", "@", "!":
        result += "&#\(scalar.value);"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// For a cell of a Markdown table of the program's own words: only what would end the cell is escaped, so that the source
  /// can be read too.
  var asMarkdownCell: String { replacing("|", with: "\\|") }
}

/// What stands between the cells of a table that other programs read.
public enum CellSeparator: Sendable {
  case comma, tab

  /// A line of such values.
  ///
  /// Between commas (RFC 4180) a cell stands in quotation marks where it holds one, a comma, the end of a line, or one of
  /// `others`. They do not keep a spreadsheet from taking what starts with `=`, `+`, `-` or `@` for a formula. Between tabs
  /// nothing is quoted: control characters are written `\xNN`.
  func line(_ cells: [String], quoting others: String = "") -> String {
    guard self == .comma else { return cells.map { printable($0) }.joined(separator: "\t") + "\n" }
    let special = Set(",\"\r\n".utf8).union(others.utf8)
    return cells.map { cell in
      cell.utf8.contains(where: special.contains)
        ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
    }.joined(separator: ",") + "\r\n"
  }
}

extension String {
  /// With all but the characters that a path of a URI has percent-encoded.
  var asURI: String {
    utf8.reduce(into: "") { text, byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"),
        UInt8(ascii: "/"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
  }
}
