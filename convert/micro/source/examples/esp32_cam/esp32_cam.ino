// An ESP32-CAM (AI-Thinker) that names the expression of the face in the middle of the picture.
//
// It has no face detector: hold the face so that it fills the middle of the picture. A detector's box goes into `box`.
#include <esp_camera.h>
#include <mien.h>

static uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE];

// The pins of the board AI-Thinker ESP32-CAM.
static camera_config_t camera() {
  camera_config_t c = {};
  c.pin_pwdn = 32, c.pin_reset = -1, c.pin_xclk = 0, c.pin_sccb_sda = 26, c.pin_sccb_scl = 27;
  c.pin_d7 = 35, c.pin_d6 = 34, c.pin_d5 = 39, c.pin_d4 = 36, c.pin_d3 = 21, c.pin_d2 = 19, c.pin_d1 = 18, c.pin_d0 = 5;
  c.pin_vsync = 25, c.pin_href = 23, c.pin_pclk = 22;
  c.xclk_freq_hz = 20000000, c.ledc_timer = LEDC_TIMER_0, c.ledc_channel = LEDC_CHANNEL_0;
  c.pixel_format = PIXFORMAT_GRAYSCALE, c.frame_size = FRAMESIZE_QQVGA, c.fb_count = 1;
  c.fb_location = CAMERA_FB_IN_DRAM, c.grab_mode = CAMERA_GRAB_LATEST;
  return c;
}

void setup() {
  Serial.begin(115200);
  const camera_config_t config = camera();
  if (esp_camera_init(&config) != ESP_OK || mien_init() != MIEN_OK) {
    Serial.println("the camera or the network cannot be started");
    while (true) delay(1000);
  }
  Serial.println(MIEN_MODEL_NAME);
}

void loop() {
  camera_fb_t *picture = esp_camera_fb_get();
  if (!picture) return;
  // Two thirds of the height: mien_crop adds the margin that the model was trained with.
  const int side = picture->height * 2 / 3;
  const mien_box box = {((int)picture->width - side) / 2, ((int)picture->height - side) / 2, side, side};
  const mien_status cropped = mien_crop(picture->buf, picture->width, picture->height, picture->width, box, face);
  esp_camera_fb_return(picture);
  mien_scores scores;
  const unsigned long started = micros();
  if (cropped == MIEN_OK && mien_classify(face, &scores) == MIEN_OK)
    Serial.printf("%s %.2f, %lu us\n", mien_label(scores.best), scores.scores[scores.best], micros() - started);
}
